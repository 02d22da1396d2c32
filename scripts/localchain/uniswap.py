"""The real Uniswap v3 core on a local chain: a factory, and pools at a price.

Contracts: npm @uniswap/v3-core 1.0.1, its artifacts as published.
"""

from math import isqrt
from typing import TYPE_CHECKING

from localchain.compile import Contract, artifact
from localchain.deploy import create
from localchain.market import Token
from localchain.tarballs import unpacked

if TYPE_CHECKING:
    from localchain.chain import LocalChain

PACKAGE = "@uniswap/v3-core"
_SPACING = {500: 10, 3000: 60, 10_000: 200}
_WIDEST = 887_200  # ticks on either side, a multiple of every spacing below


def contract(name: str) -> Contract:
    """An artifact of the package by its name."""
    folder = unpacked(PACKAGE) / "artifacts" / "contracts" / f"{name}.sol"
    return artifact(folder / f"{name}.json")


class Uniswap:
    """A factory, and who brings liquidity."""

    def __init__(self, chain: "LocalChain") -> None:
        self.chain = chain
        code = bytes.fromhex(contract("UniswapV3Factory").bytecode)
        receipt = chain.node.transact(chain.owner, None, code, doing="deploying the factory")
        self.factory = str(receipt["contractAddress"]).lower()
        self.minter = create(chain.node, chain.flavour, "PoolMinter")

    def pool(self, token: Token, dollar: Token, fee: int) -> str:
        """A new pool, without a price; its address."""
        pair = (token.address, dollar.address, fee)
        signature = "createPool(address,address,uint24)"
        self.chain.send(self.chain.owner, self.factory, signature, *pair)
        getter = "getPool(address,address,uint24)(address)"
        return str(self.chain.call(self.factory, getter, *pair)).lower()

    def start(self, pool: str, token: Token, dollar: Token, price: float) -> int:
        """Give a pool its first price, in dollars for one whole token; the root that it keeps."""
        units = (round(price * dollar.unit), token.unit)  # of the dollar for so many of the token
        upper, lower = units if token.address < dollar.address else units[::-1]
        root = isqrt((upper << 192) // lower)
        self.chain.send(self.chain.owner, pool, "initialize(uint160)", root)
        return root

    def fill(self, pool: str, fee: int, amount: int = 10**18) -> None:
        """Liquidity over all prices."""
        reach = _WIDEST // _SPACING[fee] * _SPACING[fee]
        signature = "add(address,int24,int24,uint128)"
        self.chain.send(self.chain.owner, self.minter, signature, pool, -reach, reach, amount)

"""The ground every market of the local chain stands on: one node, price feeds, tokens, Multicall3.

Several protocols stand on one ground, so that one move of a feed is felt by all of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from localchain.abi import encode_call
from localchain.build import multicall3_code
from localchain.compile import Contract, own_contracts
from localchain.node import Node, Send

MULTICALL3 = "0xca11bde05977b3631167028862be2a173976ca11"
USD = 10**8

# Price feeds by description, 8 decimals, with the dollars they start at.
FEEDS = {
    "ETH / USD": 2350.0,
    "BTC / USD": 68_000.0,
    "LINK / USD": 15.0,
    "USDC / USD": 1.0,
    "DAI / USD": 1.0,
    "USDT / USD": 1.0,
}
DECIMALS = {"WETH": 18, "wstETH": 18, "WBTC": 8, "USDC": 6, "DAI": 18, "LINK": 18, "USDT": 6}


@dataclass(frozen=True)
class GroundToken:
    """A token anybody may mint; `address` in lower case."""

    symbol: str
    address: str
    decimals: int

    @property
    def unit(self) -> int:
        """One whole token in its smallest unit."""
        return int(10**self.decimals)


class Ground:
    """Feeds and tokens on a node; `feeds` and `tokens` may be those of another market there.

    Parameters
    ----------
    node : Node
    feeds : dict, optional
        Addresses of `PriceFeed`s by description; missing ones are made.
    tokens : dict, optional
        Tokens by symbol; missing ones are made.
    """

    def __init__(
        self,
        node: Node,
        feeds: dict[str, str] | None = None,
        tokens: dict[str, GroundToken] | None = None,
    ) -> None:
        self.node = node
        self._waiting: list[Send] | None = None
        if node.rpc("eth_getCode", MULTICALL3, "latest") == "0x":
            node.rpc("anvil_setCode", MULTICALL3, multicall3_code())
        self.feeds = dict(feeds or {})
        for name, price in FEEDS.items():
            if name not in self.feeds:
                self.feeds[name] = self.own("PriceFeed", name, 8, round(price * USD))
        self.tokens = dict(tokens or {})
        for symbol, decimals in DECIMALS.items():
            if symbol not in self.tokens:
                address = self.own("TestToken", symbol, symbol, decimals)
                self.tokens[symbol] = GroundToken(symbol, address, decimals)

    @property
    def chain_id(self) -> int:
        """Of the node."""
        return self.node.chain_id

    # --- contracts ------------------------------------------------------------

    def create(
        self, contract: Contract, *args: Any, libraries: dict[str, str] | None = None
    ) -> str:
        """Deploy a contract (its libraries' addresses by name); returns the address."""
        code = contract.bytecode
        for library, places in contract.links.items():
            address = (libraries or {})[library].removeprefix("0x")
            for place in places:
                start, end = 2 * place["start"], 2 * (place["start"] + place["length"])
                code = code[:start] + address + code[end:]
        data = bytes.fromhex(code) + encode(contract.constructor_types(), args)
        doing = f"deploying {contract.name}"
        receipt = self.node.transact(self.node.owner, None, data, doing=doing)
        return str(receipt["contractAddress"]).lower()

    def own(self, name: str, *args: Any) -> str:
        """Deploy one of our own contracts (contracts/*.sol) by name."""
        return self.create(own_contracts()[name], *args)

    def send(self, frm: str, to: str, signature: str, *args: Any) -> dict[str, Any]:
        """A transaction of any address, in a block of its own; raises `Reverted`.

        Inside `together` it waits, and the receipt is empty.
        """
        if self._waiting is None:
            return self.node.send(frm, to, signature, *args)
        self._waiting.append(Send(frm, to, encode_call(signature, *args), 0, signature))
        return {}

    def pay(self, frm: str, to: str, signature: str, value: int) -> None:
        """A call without arguments that brings ether; the account is given it first."""
        send = Send(frm, to, encode_call(signature), value, signature)
        self.node.rpc("anvil_setBalance", frm, hex(value))
        if self._waiting is None:
            self.node.together([send])
        else:
            self._waiting.append(send)

    @property
    def waits(self) -> bool:
        """Whether what is sent now is done later."""
        return self._waiting is not None

    def together(self, people: Iterable[Iterator[None]]) -> None:
        """Let people act side by side. Each goes on until it wants to see what it did (`yield`);
        then what all have sent is done in few blocks, and they go on."""
        acting = list(people)
        while acting:
            self._waiting = []
            try:
                acting = [one for one in acting if next(one, True) is None]
                sends, self._waiting = self._waiting, None
            finally:
                self._waiting = None
            self.node.together(sends)

    def call(self, to: str, signature: str, *args: Any) -> Any:
        """eth_call at the head."""
        return self.node.call(to, signature, *args)

    # --- prices ---------------------------------------------------------------

    def feed(self, name: str) -> int:
        """What a feed of a description or address answers now."""
        address = name if name.startswith("0x") else self.feeds[name]
        return int(self.node.call(address, "latestAnswer()(int256)"))

    def set_feed(self, name: str, raw: int) -> None:
        """Set a feed of a description or address."""
        address = name if name.startswith("0x") else self.feeds[name]
        self.send(self.node.owner, address, "set(int256)", raw)

    # --- people ---------------------------------------------------------------

    @staticmethod
    def account(name: str) -> str:
        """The address of a named account, the same on every chain; anybody may send as it."""
        return "0x" + keccak(text=f"bandscan account {name}")[12:].hex()

    def fund(self, symbol: str, who: str, units: int, spenders: Sequence[str] = ()) -> None:
        """Mint to somebody, who lets the spenders take all they want."""
        token = self.tokens[symbol].address
        self.send(who, token, "mint(address,uint256)", who, units)
        for spender in spenders:
            self.send(who, token, "approve(address,uint256)", spender, 2**256 - 1)

    @contextmanager
    def undone(self) -> Iterator["Ground"]:
        """Whatever happens on the node inside the `with` is taken back at its end."""
        number = self.node.rpc("evm_snapshot")
        try:
            yield self
        finally:
            self.node.rpc("evm_revert", number)
            self.node.freeze_time()

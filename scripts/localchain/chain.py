"""LocalChain: a node, a market, people in it, and questions to the real contracts."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from eth_utils.address import to_checksum_address

from localchain import people, prices, questions, specials, whales
from localchain.abi import MAX
from localchain.account import Account
from localchain.deploy import MULTICALL3, Deployment, deploy
from localchain.errors import LocalChainError
from localchain.ledger import Ledger
from localchain.market import USD, Token
from localchain.node import Node
from localchain.whales import Whale


class LocalChain:
    """Aave v3 on an anvil of our own. Use it in a `with`, or call `close()`.

    Addresses are lower-case hex everywhere. Prices passed to and from the feeds are raw
    integers (8 decimals). Time stands still unless `pass_time` or `populate` lets it pass.

    Parameters
    ----------
    flavour : str
        "core" (v3.0, POOL_REVISION 1) or "origin" (v3.6, POOL_REVISION 10).
    chain_id : int
    spot : float
        What an ether costs, in dollars.
    port : int
        0 takes a free one.
    node : Node, optional
        One that runs already, for a second market on it; it is not closed with this one.
    """

    def __init__(
        self,
        flavour: str = "origin",
        *,
        chain_id: int = 31337,
        spot: float = 2350,
        port: int = 0,
        node: Node | None = None,
        slots: int = 1,
    ) -> None:
        self.flavour = flavour
        self.chain_id = chain_id
        self.ledger = Ledger()
        self._guest = node is not None
        self.node = node or Node(chain_id, port, slots)
        try:
            self.deployment: Deployment = deploy(self.node, flavour, spot)
        except BaseException:
            self.close()
            raise
        self.tokens: dict[str, Token] = dict(self.deployment.tokens)
        self._saved: dict[str, tuple[Ledger, dict[str, Token]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End anvil, if it was started here. May be called twice."""
        if not self._guest:
            self.node.close()

    # --- where things are -----------------------------------------------------

    @property
    def url(self) -> str:
        """JSON-RPC over HTTP, on the loopback interface."""
        return self.node.url

    @property
    def owner(self) -> str:
        """Deployer, pool admin, oracle admin."""
        return self.node.owner

    @property
    def pool(self) -> str:
        """The pool's proxy."""
        return self.deployment.pool

    @property
    def provider(self) -> str:
        """The PoolAddressesProvider."""
        return self.deployment.provider

    @property
    def oracle(self) -> str:
        """The AaveOracle."""
        return self.deployment.oracle

    @property
    def data_provider(self) -> str:
        """The AaveProtocolDataProvider."""
        return self.deployment.data_provider

    @property
    def multicall3(self) -> str:
        """Multicall3, at its usual address."""
        return MULTICALL3

    @property
    def first_block(self) -> int:
        """No event of the market is older."""
        return self.deployment.first_block

    @property
    def borrowers_ever(self) -> set[str]:
        """Every account that ever had debt here, whether it has some now or not."""
        return self.ledger.borrowers_ever

    @property
    def labels(self) -> dict[str, str]:
        """Special cases by label; see specials.py."""
        return self.ledger.labels

    @property
    def whale_list(self) -> list[Whale]:
        """Every whale with its price, as made."""
        return self.ledger.whales

    def token_at(self, address: str) -> Token:
        """The token of an address."""
        return next(token for token in self.tokens.values() if token.address == address)

    # --- the node -------------------------------------------------------------

    def rpc(self, method: str, *params: Any) -> Any:
        """The result of one JSON-RPC request."""
        return self.node.rpc(method, *params)

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Results of many (method, params), in order; the node runs them side by side."""
        return self.node.batch(requests)

    def call(self, to: str, signature: str, *args: Any, block: str = "latest") -> Any:
        """eth_call: `chain.call(pool, "getReservesList()(address[])")`."""
        return self.node.call(to, signature, *args, block=block)

    def send(self, frm: str, to: str, signature: str, *args: Any) -> dict[str, Any]:
        """A transaction of any address, in a block of its own; raises `Reverted` with the reason.

        A borrow is noted in `borrowers_ever` under the account that owes.
        """
        receipt = self.node.send(frm, to, signature, *args)
        if to == self.pool and signature.startswith("borrow("):
            self.ledger.borrowers_ever.add(args[4].lower())
        return receipt

    def snapshot(self) -> str:
        """Remember everything, ledger included. A snapshot serves one `revert`."""
        number: str = self.rpc("evm_snapshot")
        self._saved[number] = (self.ledger.copy(), dict(self.tokens))
        return number

    def revert(self, number: str) -> None:
        """Back to a snapshot; time stands still as before."""
        if not self.rpc("evm_revert", number):
            raise LocalChainError("this snapshot is used up")
        self.ledger, self.tokens = self._saved.pop(number)
        self.freeze_time()

    @contextmanager
    def undone(self) -> Iterator[Self]:
        """Whatever happens inside the `with` is taken back at its end."""
        number = self.snapshot()
        try:
            yield self
        finally:
            self.revert(number)

    def mine(self, n: int = 1) -> None:
        """Empty blocks."""
        self.node.mine(n)

    def freeze_time(self) -> None:
        """Every block has the timestamp of the one before. The chain starts like this."""
        self.node.freeze_time()

    def pass_time(self, seconds: float) -> None:
        """Let time pass; interest accrues. Refused once there are whales: it would move them."""
        if seconds:
            self.require_no_whales()
            self.node.pass_time(round(seconds))

    def require_no_whales(self) -> None:
        """Raise if there are whales: interest would move them off their prices."""
        if self.ledger.whales:
            raise LocalChainError("time would move the whales off their prices: make them last")

    # --- prices -----------------------------------------------------------------

    def price(self, symbol: str) -> float:
        """What the oracle says now, in dollars."""
        return self.price_raw(symbol) / USD

    def price_raw(self, symbol: str) -> int:
        """What the oracle says now, 8 decimals."""
        return prices.of_token(self, symbol)

    def set_price(self, symbol: str, raw: int) -> None:
        """Set the feed of a token (or a feed, by description). WETH's moves wstETH too."""
        prices.set_feed(self, symbol, raw)

    def point_token_at_own_feed(self, symbol: str) -> str:
        """Give a token a fresh feed at its present price, so that it can move alone."""
        return prices.own_feed(self, symbol)

    def lifted(self, factors: dict[str, float]) -> AbstractContextManager[None]:
        """Feeds (by description) times a factor, for as long as the `with` lasts."""
        return prices.lifted(self, factors)

    # --- people ---------------------------------------------------------------

    def populate(self, n: int, seed: int = 1, *, days: float = 20) -> list[str]:
        """n random accounts, made over some days; see people.py for who they are."""
        if days:
            self.require_no_whales()
        return people.populate(self, n, seed, days)

    def specials(self) -> dict[str, str]:
        """One account for each special case, by label (once per chain); see specials.py."""
        return specials.make(self)

    def whales(
        self, prices: Sequence[float], total_eth: float = 650_000, seed: int = 1
    ) -> list[Whale]:
        """Accounts of ether that become liquidatable just below the given prices, to the cent."""
        return whales.whales(self, prices, total_eth, seed)

    def crowd(self, n: int, total_eth: float, seed: int = 1) -> list[str]:
        """n accounts that hold `total_eth` and owe stablecoins, spread below the spot price."""
        return whales.crowd(self, n, total_eth, seed)

    def act(self, n: int, seed: int = 1) -> set[str]:
        """n random accounts that have debt change their stored state; nobody else's changes."""
        return people.act_at_random(self, n, seed)

    def account(self, name: str) -> Account:
        """A plain account that can act; the same name is the same address on every chain."""
        return Account.named(self, name)

    def ensure_liquidity(self, token: Token, units: int) -> None:
        """Let a supplier without debt bring what is missing until so much can be borrowed."""
        free = self.call(token.address, "balanceOf(address)(uint256)", token.atoken)
        if free < units:
            self.account("liquidity provider").supply(token.symbol, units=units - free)

    def liquidate(
        self,
        user: str,
        collateral_symbol: str,
        debt_symbol: str,
        amount: int = MAX,
        liquidator: str | None = None,
    ) -> dict[str, Any]:
        """liquidationCall by somebody who has enough of the debt's token; raises `Reverted`."""
        collateral, debt = self.tokens[collateral_symbol], self.tokens[debt_symbol]
        frm = liquidator or self.account("liquidator").address
        owed = self.call(debt.vdebt, "balanceOf(address)(uint256)", user)
        if debt.sdebt:
            owed += self.call(debt.sdebt, "balanceOf(address)(uint256)", user)
        self.send(frm, debt.address, "mint(address,uint256)", frm, 2 * min(owed, amount) + 1)
        self.send(frm, debt.address, "approve(address,uint256)", self.pool, MAX)
        signature = "liquidationCall(address,address,address,uint256,bool)"
        return self.send(
            frm, self.pool, signature, collateral.address, debt.address, user, amount, False
        )

    # --- questions --------------------------------------------------------------

    def account_data(self, user: str) -> dict[str, int]:
        """getUserAccountData, by the names of its outputs."""
        return self.accounts_data([user])[0]

    def accounts_data(self, users: Sequence[str]) -> list[dict[str, int]]:
        """getUserAccountData of many, in few calls."""
        return questions.accounts_data(self, users)

    def probe(
        self, users: Sequence[str], symbol_or_feed: str, prices_raw: Sequence[int]
    ) -> list[int]:
        """Health factor of users[i] if the feed answered prices_raw[i]; nothing is changed.

        The real pool is asked, inside one eth_call per two thousand pairs. A feed is given by
        its address, its description, or the symbol of a token that has one. A user without
        debt has 2**256 - 1.
        """
        feed = prices.settable_feed(self, symbol_or_feed)
        return questions.health_factors(self, users, feed, prices_raw)

    def configurations(self, users: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Flags (bit 2i: debt in reserve i, bit 2i + 1: it is collateral) and e-mode by user."""
        return questions.configurations(self, users)

    def holdings(self, users: Sequence[str]) -> dict[str, dict[str, tuple[int, int]]]:
        """Units of aToken and of variable debt, by user and symbol, where there are any."""
        return questions.holdings(self, users)

    # --- for the scanner ------------------------------------------------------

    def deployments_toml(self) -> str:
        """The market in the format of a deployments file."""
        return (
            "[[market]]\n"
            'protocol = "aave_v3"\n'
            'name = "local"\n'
            f"chain_id = {self.chain_id}\n"
            f"first_block = {self.first_block}\n"
            f'pool = "{to_checksum_address(self.pool)}"\n'
        )

    def write_deployments(self, path: Path | str) -> None:
        """Write the deployments file."""
        Path(path).write_text(self.deployments_toml())

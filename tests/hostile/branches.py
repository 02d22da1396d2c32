"""Two branches of one chain: on the lost one somebody borrows for the first time in every block."""

from collections.abc import Callable
from typing import Any

from localchain.abi import encode_call
from localchain.chain import LocalChain
from localchain.mixed import Mixed
from localchain.node import Send

from hostile.fault import Act, Ask, Fault
from hostile.wire import Reply

BORROW = "borrow(address,uint256,uint256,uint16,address)"
SUPPLY = "supply(address,uint256,address,uint16)"
FLAG = "setUserUseReserveAsCollateral(address,bool)"
GAS = hex(12_000_000)
DEEPEST = 5
KINDS = ("empty", "replaced", "longer", "shorter")


class Branches:
    """What happens on the lost branch and on the other; made before either.

    `lose` mines the lost branch: a newcomer borrows in each of its blocks, and in the last one
    somebody who borrowed before brings collateral. `take_back` has the chain go the other way, on
    which another newcomer borrows (unless it is an empty branch).
    """

    def __init__(self, mixed: Mixed, depth: int) -> None:
        self.chain: LocalChain = mixed.aave
        self.depth = depth
        self._usdc = self.chain.tokens["USDC"].address
        self._weth = self.chain.tokens["WETH"].address
        self.mover = self._settled("mover")
        self.chain.account("mover").borrow("USDC", 1_000)
        self.newcomers = [self._settled(f"lost {number}") for number in range(depth)]
        self.other = self._settled("on the other branch")
        self._fork = ""

    def _settled(self, name: str) -> str:
        """Who has collateral, more to bring, and no debt."""
        account = self.chain.account(name)
        account.supply("WETH", 5)
        self.chain.send(
            account.address, self._weth, "mint(address,uint256)", account.address, 10**20
        )
        signature = "approve(address,uint256)"
        self.chain.send(account.address, self._weth, signature, self.chain.pool, 2**256 - 1)
        return account.address

    def _borrow(self, who: str) -> Send:
        data = encode_call(BORROW, self._usdc, 500 * 10**6, 2, 0, who)
        return Send(who, self.chain.pool, data, doing="borrow")

    def _bring(self, who: str, units: int) -> Send:
        data = encode_call(SUPPLY, self._weth, units, who, 0)
        return Send(who, self.chain.pool, data, doing="supply")

    def lose(self) -> None:
        """The branch that will be lost, `depth` blocks."""
        self._fork = self.chain.snapshot()
        for number, who in enumerate(self.newcomers):
            last = number == self.depth - 1
            self.chain.node.together(
                [self._borrow(who), *([self._bring(self.mover, 10**18)] if last else [])]
            )

    def take_back(self, kind: str) -> None:
        """The other branch.

        empty, replaced: as many blocks, by anvil_reorg; longer, shorter (one block): by going back
        and mining.
        """
        sends = [self._borrow(self.other), self._bring(self.mover, 3 * 10**18)]
        if kind == "empty":
            self.chain.rpc("anvil_reorg", self.depth, [])
        elif kind == "replaced":
            pairs = [[{**send.request(), "gas": GAS}, 0] for send in sends]
            self.chain.rpc("anvil_reorg", self.depth, pairs)
        else:
            self.chain.revert(self._fork)
            self.chain.node.together(sends)
            self.chain.mine(self.depth + 2 if kind == "longer" else 0)

    def owes(self, who: str) -> bool:
        """At the head."""
        return bool(self.chain.account_data(who)["totalDebtBase"])


def striking(
    then: Callable[[], object],
    method: str,
    nth: int = 1,
    *,
    after: str | None = None,
    late: bool = False,
    later: Callable[[], object] = lambda: None,
) -> Fault:
    """`then` is done at the nth request of `method`, once; nothing else is touched.

    `after`: counted from the first request of another method on. `late`: once the answer is had.
    `later` is done at the fifth request from there on, whatever it asks.
    """
    seen: dict[str, Any] = {"open": after is None, "count": 0, "done": False, "since": 0}

    async def act(ask: Ask) -> Reply | None:
        if seen["done"]:
            seen["since"] += 1
            if seen["since"] == 5:
                later()
        seen["open"] = seen["open"] or ask.method == after
        if not seen["open"] or ask.method != method or seen["done"]:
            return None
        seen["count"] += 1
        if seen["count"] < nth:
            return None
        seen["done"] = True
        if not late:
            then()  # the loop stands still meanwhile, so nothing is passed on
            return await ask.answer()
        reply = await ask.answer()
        then()
        return reply

    made: Act = act
    return Fault(id="reorganisation", variant=f"{method} {nth}", act=made)

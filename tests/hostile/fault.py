"""A fault, and what it gets to see of one request."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from hostile.wire import Question, Reply, compact

LOGS = frozenset({"eth_getLogs"})
CALL = frozenset({"eth_call"})
STATE = frozenset({"eth_call", "eth_getCode", "eth_getStorageAt", "eth_getBalance"})


@dataclass
class Ask:
    """One request, as it reached one fault.

    Attributes
    ----------
    question : dict
        The JSON-RPC request. Leave it as it is; `answer_to` asks another one.
    url : str
        As the client addressed it, path and query included.
    size : int
        Bytes of the request's body.
    number : int
        Of the request in the proxy, from 1.
    seen : int
        How many requests of the fault's methods came so far, this one included.
    turn : int
        How often the fault struck before.
    dice, memory
        The fault's own chance and notes, for as long as the proxy lives.
    """

    question: Question
    url: str
    size: int
    number: int
    seen: int
    turn: int
    dice: random.Random
    memory: dict[str, Any]
    rest: Callable[[Question], Awaitable[Reply]] = field(repr=False)
    node: Callable[[Question], Awaitable[Reply]] = field(repr=False)
    honest: Reply | None = None

    @property
    def method(self) -> str:
        return str(self.question["method"])

    @property
    def params(self) -> list[Any]:
        found: list[Any] = self.question.get("params", [])
        return found

    async def answer(self) -> Reply:
        """What the client would get without this fault."""
        if self.honest is None:
            self.honest = await self.rest(self.question)
        return self.honest

    async def answer_to(self, *params: Any) -> Reply:
        """The answer to the same method with other parameters, under the client's id."""
        return await self.rest({**self.question, "params": list(params)})

    async def ask_node(self, method: str, *params: Any) -> Any:
        """The result of a question of our own, past all faults."""
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        return (await self.node(question)).result

    async def head(self) -> int:
        """The node's true head."""
        return int(await self.ask_node("eth_blockNumber"), 16)

    async def height(self, block: Any) -> int:
        """The number a block parameter means."""
        if isinstance(block, str) and block.startswith("0x"):
            return int(block, 16)
        return 0 if block == "earliest" else await self.head()

    async def span(self) -> tuple[int, int]:
        """The blocks an eth_getLogs asks for, first and last."""
        wanted = self.params[0]
        low, high = wanted.get("fromBlock", "latest"), wanted.get("toBlock", "latest")
        return await self.height(low), await self.height(high)

    def call_data(self) -> bytes:
        """The call data (or init code) of an eth_call."""
        call = self.params[0]
        return bytes.fromhex((call.get("data") or call.get("input") or "0x")[2:])

    def result(self, value: Any, **extra: Any) -> Reply:
        """An answer with this result, and maybe further members."""
        return Reply(
            compact({"jsonrpc": "2.0", "id": self.question["id"], "result": value, **extra})
        )

    def refuse(
        self, code: int, message: str, data: Any = None, status: int = 200, **headers: str
    ) -> Reply:
        """A JSON-RPC error; header names with _ for -."""
        error: dict[str, Any] = {"code": code, "message": message}
        if data is not None:
            error["data"] = data
        body = compact({"jsonrpc": "2.0", "id": self.question["id"], "error": error})
        return Reply(body, status, {name.replace("_", "-"): v for name, v in headers.items()})

    def payload(self, honest: Reply, content: bytes) -> Reply:
        """`honest` with other returned (or reverted) bytes."""
        if honest.result is not None:
            return self.result("0x" + content.hex())
        error = honest.answer["error"]
        return self.refuse(error["code"], error["message"], "0x" + content.hex())


Act = Callable[[Ask], Awaitable[Reply | None]]


@dataclass(frozen=True)
class Fault:
    """One way to go wrong.

    Attributes
    ----------
    id, variant : str
        Row of the table in the specification ("F10"), and which of its forms.
    act : coroutine function
        Ask -> the reply to send instead; None = it has nothing to say here, which is no strike.
    klass : str
        What it wants of a client: T = heal, L = detect the lie, P = end in a clear error.
    methods : frozenset of str, optional
        None = any.
    first : int
        It sleeps until the n-th request of its methods.
    times : int, optional
        It strikes so often and then never again; None = for ever.
    probability : float
        Of each strike.
    heals : bool
        A good client gets the whole truth though the fault never ends.
    """

    id: str
    variant: str
    act: Act = field(repr=False)
    klass: str = "T"
    summary: str = field(default="", repr=False)
    methods: frozenset[str] | None = None
    first: int = 1
    times: int | None = None
    probability: float = 1.0
    heals: bool = False

    @property
    def permanent(self) -> bool:
        """Whether a client with no other endpoint never gets the truth."""
        return self.times is None and not self.heals

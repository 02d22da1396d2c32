"""F36-F43, F47: eth_call too big (really enforced), at another block, or of another state."""

from collections.abc import Callable
from typing import Any

from eth_abi.abi import encode

from hostile.batches import emptied, starved, zeroed
from hostile.catalogue import add
from hostile.fault import CALL, STATE, Act, Ask
from hostile.wire import Reply, text

_NGINX = (
    "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n"
    "<center><h1>413 Request Entity Too Large</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


def _sized(measure: str, usual: int, code: int, message: str, status: int, says: int | None) -> Any:
    """Refuse what is larger than `limit`; `says` is the number in the text."""

    def make(limit: int = usual, says: int | None = says) -> Act:
        async def act(ask: Ask) -> Reply | None:
            size = ask.size if measure == "body" else len(ask.call_data())
            if measure == "answer":
                size = len((await ask.answer()).payload or b"")
            if size <= limit:
                return None
            told = message.format(size=size, limit=says or limit)
            if code:
                data = f"Exceeded max limit of {says or limit}" if code == -32008 else None
                return ask.refuse(code, told, data, status)
            return text(told, status, "text/html" if "<html" in told else "text/plain")

        return act

    return make


_FREE = "Request timeout on the free tier, please upgrade your tier to the paid one"
for _id, _name, _measure, _usual, _code, _text, _status, _says in (
    ("F36", "geth", "data", 8192, -32000, "out of gas", 200, None),
    (
        "F36",
        "reth",
        "data",
        8192,
        -32003,
        "out of gas: gas required exceeds: {limit}",
        200,
        5 * 10**7,
    ),
    ("F37", "geth", "data", 8192, -32000, "execution aborted (timeout = 5s)", 200, None),
    ("F37", "request", "data", 8192, -32002, "request timed out", 200, None),
    ("F37", "drpc", "data", 8192, 30, _FREE, 200, None),
    ("F37", "nethermind", "data", 8192, -32016, "Timeout", 200, None),
    (
        "F38",
        "erigon",
        "answer",
        8192,
        -32000,
        "call returned result on length {size} exceeding --rpc.returndata.limit {limit}",
        200,
        None,
    ),
    ("F38", "geth", "answer", 8192, -32003, "response too large", 200, None),
    ("F38", "reth", "answer", 8192, -32008, "Response is too big", 200, 167_772_160),
    ("F38", "proxyd", "answer", 8192, -32020, "backend response too large", 500, None),
    (
        "F38",
        "1rpc",
        "answer",
        8192,
        -32000,
        "response size should not greater than {limit} bytes",
        200,
        None,
    ),
    ("F39", "geth", "body", 16384, 0, "content length too large ({size}>{limit})", 413, None),
    ("F39", "proxyd", "body", 16384, -32021, "request body too large", 413, None),
    ("F39", "nginx", "body", 16384, 0, _NGINX, 413, None),
    ("F39", "1rpc", "body", 16384, -32600, "JSON RPC Request is too large", 200, None),
):
    _made = _sized(_measure, _usual, _code, _text, _status, _says)
    _summary = f"more than `limit` ({_usual}) bytes of {_measure}"
    _methods = None if _id == "F39" else CALL
    add(_id, _name, _made, "T", _summary, methods=_methods, heals=True)


def _returns(change: Callable[..., bytes | None]) -> Callable[..., Act]:
    """Other returned bytes: `change(call data, true bytes, options)`; None = no strike."""

    def make(**options: Any) -> Act:
        async def act(ask: Ask) -> Reply | None:
            honest = await ask.answer()
            content = honest.payload
            changed = None if content is None else change(ask.call_data(), content, **options)
            if content is None or changed is None or changed == content:
                return None
            return ask.payload(honest, changed)

        return act

    return make


def _reverted(data: bytes, content: bytes, reason: str = "execution reverted") -> bytes:
    return bytes.fromhex("08c379a0") + encode(["string"], [reason])


add(
    "F36",
    "multicall",
    _returns(starved),
    "T",
    "sub-calls of Multicall3 after the first `limit` (20) fail without a word",
    methods=CALL,
    heals=True,
)
for _name, _change, _summary in (
    ("zero", lambda data, content: bytes(len(content)), "all-zero words, as many as are due"),
    ("empty", lambda data, content: b"", "0x"),
    ("inner-zero", zeroed, "zero words inside of the batch, the block's proof is true"),
    ("inner-empty", emptied, "success and 0x inside of the batch, the block's proof is true"),
):
    add("F40", _name, _returns(_change), "L", _summary, methods=CALL)
add(
    "F47",
    "revert",
    _returns(_reverted),
    "L",
    "the payload of a revert (`reason`) as the result",
    methods=CALL,
    times=2,
)


def _pinned(place: Callable[[int, int], str]) -> Callable[..., Act]:
    """Executed at another block: `place(pin, by)`. State overrides are kept."""

    def make(by: int = 5) -> Act:
        async def act(ask: Ask) -> Reply | None:
            pin = await ask.height(ask.params[1])
            return await ask.answer_to(ask.params[0], place(pin, by), *ask.params[2:])

        return act

    return make


_AT = "executed at the latest block"
_BEHIND = "executed `by` (5) blocks before the pin"
add("F41", "latest", _pinned(lambda pin, by: "latest"), "L", _AT, methods=CALL)
add("F41", "behind", _pinned(lambda pin, by: hex(max(0, pin - by))), "L", _BEHIND, methods=CALL)


def _gone(code: int, message: str) -> Callable[..., Act]:
    """Pins up to the head of when it first struck are refused, newer ones served."""

    def make() -> Act:
        async def act(ask: Ask) -> Reply | None:
            block = ask.params[1] if ask.method != "eth_getStorageAt" else ask.params[2]
            floor = ask.memory.get("floor")
            if floor is None:
                floor = ask.memory["floor"] = await ask.head()
            pin = await ask.height(block)
            if pin > floor:
                return None
            root = f"{pin:064x}"
            return ask.refuse(code, message.format(pin=pin, root=root))

        return act

    return make


for _name, _code, _text in (
    ("geth", -32000, "missing trie node {root} (path ) state 0x{root} is not available"),
    ("reth", -32603, "state at block #{pin} is pruned"),
    ("nethermind", -32002, "No state available for block {pin} (0x{root})"),
    ("path", -32000, "historical state {root} is not available"),
    ("bor", -32000, "required historical state unavailable (reexec=128)"),
    ("erigon", -32000, "old data not available due to pruning"),
    ("ankr", -32061, "No archive nodes available"),
):
    add(
        "F42",
        _name,
        _gone(_code, _text),
        "T",
        "from the `first` (5th) read on, the state up to the head is gone; a newer pin is served",
        methods=STATE,
        first=5,
        heals=True,
    )


def _unknown_header(message: str) -> Callable[[], Act]:
    def make() -> Act:
        async def act(ask: Ask) -> Reply:
            return ask.refuse(-32000, message)

        return act

    return make


for _name, _text in (("geth", "header not found"), ("alchemy", "Unknown block")):
    add("F43", _name, _unknown_header(_text), "T", "for the first reads", methods=CALL, times=3)

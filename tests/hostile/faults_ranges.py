"""F01-F09, F23: limits of eth_getLogs, really enforced, so that a client that asks less heals."""

from dataclasses import dataclass
from typing import Any

from hostile.catalogue import add
from hostile.fault import LOGS, Act, Ask
from hostile.range_texts import ROWS, Row
from hostile.wire import Reply

ALCHEMY_RESULTS = (
    "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range "
    "and no limit on the response size, or you can request any block range with a cap of 10K logs "
    "in the response. Based on your parameters and the response size limit, this block range "
    "should work: [{low_hex}, {fit_hex}]"
)
ALCHEMY_BLOCKS = (
    "You can make eth_getLogs requests with up to a {limit} block range. Based on your parameters, "
    "this block range should work: [{low_hex}, {fit_hex}]"
)
INFURA = (
    "query returned more than {limit} results. Try with this block range [{low_hex}, {fit_hex}]."
)


@dataclass(frozen=True)
class Excess:
    """A request that asks too much: its blocks, and the last one that would fit from the first."""

    low: int
    high: int
    fit: int


async def _by_blocks(ask: Ask, limit: int) -> Excess | None:
    low, high = await ask.span()
    return Excess(low, high, low + limit - 1) if high - low >= limit else None


async def _by_results(ask: Ask, limit: int) -> Excess | None:
    """More than `limit` logs; a single block is always answered."""
    low, high = await ask.span()
    logs = (await ask.answer()).result
    if low >= high or not isinstance(logs, list) or len(logs) <= limit:
        return None
    return Excess(low, high, max(low, int(logs[limit]["blockNumber"], 16) - 1))


async def _by_bytes(ask: Ask, limit: int) -> Excess | None:
    """An answer longer than `limit` bytes; a single block is always answered."""
    low, high = await ask.span()
    if low >= high or len((await ask.answer()).body) <= limit:
        return None
    return Excess(low, high, (low + high) // 2)


async def _by_filters(ask: Ask, limit: int) -> Excess | None:
    """More than `limit` addresses and topics."""
    wanted = ask.params[0]
    addresses, topics = wanted.get("address", []), wanted.get("topics", [])
    count = len(addresses) if isinstance(addresses, list) else 1
    count += sum(len(topic) if isinstance(topic, list) else topic is not None for topic in topics)
    low, high = await ask.span()
    return Excess(low, high, count) if count > limit else None


MEASURES = {
    "blocks": (_by_blocks, 40),
    "results": (_by_results, 20),
    "bytes": (_by_bytes, 16_384),
    "filters": (_by_filters, 5_000),
}


def words(over: Excess, limit: int) -> dict[str, Any]:
    """What a template may mention."""
    return {
        "limit": limit,
        "limit_commas": f"{limit:,}",
        "limit_k": f"{limit // 1000}k" if limit % 1000 == 0 else str(limit),
        "asked": over.high - over.low + 1,
        "low": over.low,
        "high": over.high,
        "fit": over.fit,
        "low_hex": hex(over.low),
        "fit_hex": hex(over.fit),
    }


def _limited(row: Row, infura: bool = False) -> Any:
    """Enforce a row: `limit` is what is enforced, `says` the number in the text."""
    measure, usual = MEASURES[row.measure]

    def make(limit: int = usual, says: int | None = None) -> Act:
        async def act(ask: Ask) -> Reply | None:
            over = await measure(ask, limit)
            if over is None:
                return None
            told = words(over, says or limit)
            data: Any = None
            if infura:
                data = {"from": told["low_hex"], "limit": says or limit, "to": told["fit_hex"]}
            return ask.refuse(row.code, row.text.format(**told), data, row.status)

        return act

    return make


def _enforce(id: str, row: Row, summary: str, infura: bool = False) -> None:
    add(id, row.name, _limited(row, infura), "T", summary, methods=LOGS, heals=True)


_enforce(
    "F01",
    Row("infura", -32005, INFURA, "results"),
    "more than `limit` results, hint as text and data",
    infura=True,
)
_enforce(
    "F02", Row("results", -32602, ALCHEMY_RESULTS, "results"), "Alchemy, more than `limit` results"
)
_enforce("F02", Row("blocks", -32600, ALCHEMY_BLOCKS), "Alchemy, more than `limit` blocks")
_enforce(
    "F03",
    Row("quicknode", -32614, "eth_getLogs is limited to a {limit_commas} range", status=413),
    "HTTP 413, a number with a comma",
)
_enforce(
    "F04",
    Row(
        "reth",
        -32602,
        "query exceeds max results {limit}, retry with the range {low}-{fit}",
        "results",
    ),
    "more than `limit` results, hint in decimal",
)
for _row in ROWS:
    _enforce("F05", _row, f"limit on {_row.measure}, without a hint that can be trusted")


def _bad_hint(name: str) -> Any:
    def make(limit: int = 40) -> Act:
        async def act(ask: Ask) -> Reply | None:
            over = await _by_blocks(ask, limit)
            if over is None:
                return None
            low, high = over.low, over.high
            pairs = {
                "wider": (max(0, low - 100), high + 1000),
                "same": (low, high),
                "outside": (high + 1, high + limit),
                "before": (max(0, low - limit), max(0, low - 1)),
                "reversed": (low + limit - 1, low),
            }
            if name == "zero":
                return ask.refuse(-32602, "exceed maximum block range: 0")
            first, last = map(hex, pairs[name])
            message = f"query returned more than 10000 results. Try with this block range [{first},"
            data = {"from": first, "limit": 10000, "to": last}
            return ask.refuse(-32005, f"{message} {last}].", data)

        return act

    return make


for _name in ("wider", "same", "outside", "before", "reversed", "zero"):
    _summary = f"more than `limit` blocks, a hint that is {_name}"
    add("F06", _name, _bad_hint(_name), "T", _summary, methods=LOGS, heals=True)

_enforce(
    "F07",
    Row("policy", -32000, "request rejected by policy 7"),
    "an unknown text above `limit` blocks",
)


def _disabled(code: int, message: str) -> Any:
    def make() -> Act:
        async def act(ask: Ask) -> Reply:
            return ask.refuse(code, message)

        return act

    return make


add(
    "F08",
    "bsc",
    _disabled(-32005, "limit exceeded"),
    "P",
    "getLogs refused even for one block, as if by a limit",
    methods=LOGS,
)
add(
    "F08",
    "unknown-method",
    _disabled(-32601, "the method eth_getLogs does not exist/is not available"),
    "P",
    "getLogs is not offered",
    methods=LOGS,
)


def _ten_blocks(limit: int = 10, says: int | None = None) -> Act:
    made: Act = _limited(Row("alchemy-free", -32600, ALCHEMY_BLOCKS))(limit=limit, says=says)
    return made


add("F09", "alchemy-free", _ten_blocks, "T", "`limit` = 10 blocks", methods=LOGS, heals=True)


def _future(code: int, message: str) -> Any:
    """Refuse ranges that end within `behind` blocks of the head."""

    def make(behind: int = 5) -> Act:
        async def act(ask: Ask) -> Reply | None:
            _, high = await ask.span()
            head = await ask.head() - behind
            if high <= head:
                return None
            return ask.refuse(code, message.format(asked=high, head=head))

        return act

    return make


for _name, _code, _text in (
    ("geth", -32602, "block range extends beyond current head block"),
    (
        "reth",
        -32602,
        "block range extends beyond current head block: requested {asked}, head {head}",
    ),
    ("nethermind", -32602, "requested block range is in the future"),
    ("geth-1.15", -32000, "invalid block range params"),
    ("proxyd", -32000, "block is out of range"),
    ("avalanche", -32000, "cannot query unfinalized data"),
):
    _summary = "ranges that end within `behind` blocks of the head, until it caught up"
    add("F23", _name, _future(_code, _text), "T", _summary, methods=LOGS, times=2)

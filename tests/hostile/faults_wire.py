"""F19, F20, F48, F49: below HTTP, cut bodies, hostile sizes, redirects."""

import asyncio
import gzip
import zlib
from functools import lru_cache
from typing import Any

from hostile.catalogue import add
from hostile.fault import Act, Ask
from hostile.wire import Reply, Wire, compact, text

MIB = 1 << 20
JSON = {"Content-Type": "application/json"}
GZIP = {**JSON, "Content-Encoding": "gzip"}
TLS_ALERT = bytes.fromhex("15030300020100")  # close_notify


def _wired(write: Any) -> Any:
    """A maker for `write(wire, honest body, options)`."""

    def make(**options: Any) -> Act:
        async def act(ask: Ask) -> Reply:
            honest = await ask.answer()

            async def wire(line: Wire) -> None:
                await write(line, honest.body, **options)

            return Reply(wire=wire)

        return act

    return make


async def _stall(wire: Wire, body: bytes, hold: float = 3600) -> None:
    await wire.silence(hold)


async def _stall_headers(wire: Wire, body: bytes, hold: float = 3600) -> None:
    await wire.head(headers={**JSON, "Content-Length": str(len(body))})
    await wire.silence(hold)


async def _trickle(wire: Wire, body: bytes, every: float = 1.0) -> None:
    await wire.head(headers={**JSON, "Content-Length": str(len(body))})
    for place in range(len(body)):
        await asyncio.sleep(every)
        await wire.send(body[place : place + 1])


async def _reset(wire: Wire, body: bytes) -> None:
    await wire.head(headers={**JSON, "Content-Length": str(len(body))})
    await wire.send(body[: len(body) // 2])
    wire.reset()


async def _reset_at_once(wire: Wire, body: bytes) -> None:
    wire.reset()


async def _close(wire: Wire, body: bytes) -> None:
    pass


async def _mid_chunk(wire: Wire, body: bytes) -> None:
    await wire.head(headers={**JSON, "Transfer-Encoding": "chunked"})
    await wire.send(b"%x\r\n" % len(body), body[: len(body) // 2])


async def _no_last_chunk(wire: Wire, body: bytes) -> None:
    await wire.head(headers={**JSON, "Transfer-Encoding": "chunked"})
    await wire.send(b"%x\r\n" % len(body), body, b"\r\n")


async def _tls(wire: Wire, body: bytes) -> None:
    await wire.send(TLS_ALERT)


for _name, _write, _summary in (
    ("stall", _stall, "never answers, for `hold` seconds"),
    ("stall-body", _stall_headers, "headers, then nothing for `hold` seconds"),
    ("trickle", _trickle, "headers, then a byte `every` second"),
    ("reset", _reset, "RST in the middle of the body"),
    ("reset-at-once", _reset_at_once, "RST instead of an answer"),
    ("close", _close, "FIN instead of an answer"),
    ("mid-chunk", _mid_chunk, "FIN in the middle of a chunk"),
    ("no-last-chunk", _no_last_chunk, "FIN before the chunk that ends all"),
    ("tls-close", _tls, "a TLS close_notify where HTTP is due"),
):
    add("F19", _name, _wired(_write), "T", _summary, times=2)


def _cut(body: bytes, at: int | None) -> bytes:
    return body[: len(body) // 2 if at is None else at]


async def _short_body(wire: Wire, body: bytes, at: int | None = None) -> None:
    await wire.head(headers={**JSON, "Content-Length": str(len(body))})
    await wire.send(_cut(body, at))


async def _small_length(wire: Wire, body: bytes, at: int | None = None) -> None:
    await wire.head(headers={**JSON, "Content-Length": str(len(_cut(body, at)))})
    await wire.send(body)


async def _large_length(wire: Wire, body: bytes, more: int = 100) -> None:
    await wire.head(headers={**JSON, "Content-Length": str(len(body) + more)})
    await wire.send(body)


def _replied(change: Any) -> Any:
    """A maker for `change(honest body, options) -> (body, headers)`."""

    def make(**options: Any) -> Act:
        async def act(ask: Ask) -> Reply:
            body, headers = change((await ask.answer()).body, **options)
            return Reply(body, headers=headers)

        return act

    return make


def _cut_json(body: bytes, at: int | None = None) -> tuple[bytes, dict[str, str]]:
    return _cut(body, at), {}


def _cut_gzip(body: bytes, at: int | None = None) -> tuple[bytes, dict[str, str]]:
    return _cut(gzip.compress(body, mtime=0), at), GZIP


def _no_trailer(body: bytes) -> tuple[bytes, dict[str, str]]:
    return gzip.compress(body, mtime=0)[:-8], GZIP


def _wrong_crc(body: bytes) -> tuple[bytes, dict[str, str]]:
    packed = bytearray(gzip.compress(body, mtime=0))
    packed[-8] ^= 0xFF
    return bytes(packed), GZIP


for _name, _write, _summary in (
    ("cut", _short_body, "the body ends after `at` bytes (half), Content-Length is right"),
    ("small-length", _small_length, "Content-Length is too small"),
    ("large-length", _large_length, "Content-Length is `more` too large, then FIN"),
):
    add("F20", _name, _wired(_write), "T", _summary, times=2)
for _name, _change, _summary in (
    ("cut-json", _cut_json, "a prefix of `at` bytes (half) as if it were all"),
    ("gzip-cut", _cut_gzip, "gzip, a prefix of `at` bytes (half)"),
    ("gzip-no-trailer", _no_trailer, "gzip without its last 8 bytes"),
    ("gzip-crc", _wrong_crc, "gzip with a wrong CRC"),
):
    add("F20", _name, _replied(_change), "T", _summary, times=2)


def _opening(ask: Ask) -> bytes:
    return compact({"jsonrpc": "2.0", "id": ask.question["id"], "result": "0x"})[:-2]


def _stream(known: bool) -> Any:
    """`size` bytes of result, made while they are sent; ends when the client hangs up."""

    def make(size: int = 10 << 30) -> Act:
        async def act(ask: Ask) -> Reply:
            opening, block = _opening(ask), b"0" * MIB

            async def wire(line: Wire) -> None:
                blocks = size // MIB
                length = len(opening) + blocks * MIB + 2
                how = {"Content-Length": str(length)} if known else {"Transfer-Encoding": "chunked"}
                await line.head(headers={**JSON, **how})
                await line.send(_chunk(opening, known))
                for _ in range(blocks):
                    await line.send(_chunk(block, known))
                await line.send(_chunk(b'"}', known))
                if not known:
                    await line.send(b"0\r\n\r\n")

            return Reply(wire=wire)

        return act

    return make


def _chunk(part: bytes, plain: bool) -> bytes:
    return part if plain else b"%x\r\n%b\r\n" % (len(part), part)


@lru_cache(4)
def _bomb(opening: bytes, size: int) -> bytes:
    """gzip of `opening`, `size` zeros and the end: about a thousandth of it."""
    block, blocks = b"0" * MIB, size // MIB
    packed: list[bytes] = []
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    for part in (opening, block, b'"}'):
        # After a full flush a block stands for itself, so one serves for all.
        packed.append(deflate.compress(part) + deflate.flush(zlib.Z_FULL_FLUSH))
    crc = zlib.crc32(opening)
    for _ in range(blocks):
        crc = zlib.crc32(block, crc)
    crc = zlib.crc32(b'"}', crc)
    length = len(opening) + blocks * MIB + 2
    trailer = crc.to_bytes(4, "little") + (length & 0xFFFFFFFF).to_bytes(4, "little")
    head = bytes.fromhex("1f8b08000000000002ff")
    return b"".join([head, packed[0], packed[1] * blocks, packed[2], deflate.flush(), trailer])


def _gzip_bomb(size: int = 1 << 30) -> Act:
    async def act(ask: Ask) -> Reply:
        return Reply(_bomb(_opening(ask), size), headers=GZIP)

    return act


def _shaped(body: Any) -> Any:
    """A maker for a result given as raw JSON text by `body(options)`."""

    def make(**options: Any) -> Act:
        async def act(ask: Ask) -> Reply:
            head = compact({"jsonrpc": "2.0", "id": ask.question["id"]})[:-1]
            return Reply(head + b',"result":' + body(**options) + b"}")

        return act

    return make


def _nested(depth: int = 10**6, closed: bool = True) -> bytes:
    return b"[" * depth + (b"]" * depth if closed else b"")


for _name, _make, _summary in (
    ("stream", _stream(False), "`size` bytes (10 GB) in chunks"),
    ("stream-length", _stream(True), "`size` bytes (10 GB) as announced"),
    ("gzip-bomb", _gzip_bomb, "1 MB of gzip that becomes `size` bytes (1 GB)"),
    ("nested", _shaped(_nested), "`depth` (10^6) nested arrays"),
    ("hex", _shaped(lambda digits=70_000: b'"0x%b"' % (b"f" * digits)), "a 70k-digit quantity"),
    ("integer", _shaped(lambda digits=70_000: b"9" * digits), "a 70k-digit integer"),
    ("nan", _shaped(lambda: b"NaN"), "NaN as the result"),
    ("infinity", _shaped(lambda: b"1e999"), "a number beyond all floats"),
    ("nul", _shaped(lambda: rb'"0x\u0000"'), "an escaped NUL in the result"),
    ("twice", _shaped(lambda: b'"0x1","result":"0x2"'), "two results in one object"),
    ("bom", _replied(lambda body: (b"\xef\xbb\xbf" + body, {})), "the true answer behind a BOM"),
    (
        "utf-16",
        _replied(lambda body: (body.decode().encode("utf-16"), {})),
        "the true answer in UTF-16",
    ),
):
    add("F48", _name, _make, "P", _summary)


def _redirect(status: int) -> Any:
    def make(to: str = "http://169.254.169.254/") -> Act:
        async def act(ask: Ask) -> Reply:
            return text("", status, Location=to)

        return act

    return make


for _status in (302, 301, 307, 308):
    add("F49", str(_status), _redirect(_status), "P", f"HTTP {_status} to `to`, a metadata server")

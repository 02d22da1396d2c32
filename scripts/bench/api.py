"""The band API under load: `bandscan serve` on 40,000 positions beside a bare ASGI app.

Both run under uvicorn with the same settings, each in a process of its own, and answer the same
bytes to a third process (`load.py`), in turns. Budgets are ratios of the two.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench import live, load, stored
from bench.report import Figure
from bench.servers import Server, body, fetch, header, loaded, serving, yardstick

BANDS = "/v1/bands?driver=ETH"
TURNS, SECONDS = 7, 2.0
WARM, MANY = 50_000, 1_000_000
OTHERS = 10_000  # questions that no answer is ready for


def figures() -> list[Figure]:
    """All figures of this section."""
    store = stored.ready()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = stack.enter_context(serving(store, BANDS)).port
        answer = fetch(port, BANDS)
        (folder / "answer").write_bytes(answer)
        ports = {"serve": port}
        for kind in ("asgi", "fastapi"):
            ports[kind] = stack.enter_context(yardstick(kind, folder / "answer", BANDS)).port
        found = _throughput(ports, answer)
    with serving(store, BANDS) as server:
        found += _memory(server)
    return [*found, *live.figures(store)]


def _throughput(ports: dict[str, int], answer: bytes) -> list[Figure]:
    """All servers in turns; medians of the turns, and of the turns' ratios."""
    packed = ("Accept-Encoding", "gzip")
    known = ("If-None-Match", header(answer, "etag"))
    kinds: dict[str, tuple[str, list[tuple[str, str]], int]] = {
        "asgi": ("asgi", [], 200),
        "serve": ("serve", [], 200),
        "packed": ("serve", [packed], 200),
        "known": ("serve", [known], 304),
        "fastapi": ("fastapi", [], 200),
    }
    seen: dict[str, list[load.Result]] = {name: [] for name in kinds}
    for turn in range(1 + TURNS):
        for name, (server, headers, status) in kinds.items():
            port = ports[server]
            result = loaded(port, [load.request(port, BANDS, *headers)], seconds=SECONDS)
            _answered(result, status)
            if turn:  # the first one warms up
                seen[name].append(result)
    rate = {name: median(one.rate for one in results) for name, results in seen.items()}
    pairs = list(zip(seen["asgi"], seen["serve"], strict=True))
    size = len(body(answer))
    small = len(body(fetch(ports["serve"], BANDS, packed)))
    busy = max(one.busy for results in seen.values() for one in results)
    slower = median(bare.rate / serve.rate for bare, serve in pairs)
    later = median(serve.p99 / bare.p99 for bare, serve in pairs)
    late = median(one.p99 for one in seen["serve"])
    return [
        Figure(f"bare ASGI app: answers of {size:,} bytes per second", rate["asgi"]),
        Figure("plain FastAPI route", rate["fastapi"]),
        Figure("... bare app over it, throughput", rate["asgi"] / rate["fastapi"], "x"),
        Figure(f"serve: GET {BANDS}", rate["serve"]),
        Figure("... bare app over it, throughput", slower, "x", 2),
        Figure("... p99 over the bare app's", later, "x", 3),
        Figure("... p99", 1e3 * late, "ms"),
        Figure(f"... packed to {small:,} bytes", rate["packed"]),
        Figure("... unchanged (304)", rate["known"]),
        Figure("busiest load process, of a core", 100 * busy, "%"),
    ]


def _memory(server: Server) -> list[Figure]:
    """What the server holds after a warm-up, and how much more after all that follows."""
    ready = [load.request(server.port, BANDS)]
    _answered(loaded(server.port, ready, requests=WARM))
    warm = server.memory()
    _answered(loaded(server.port, ready, requests=MANY))
    after = server.memory()
    _questions(server, 0)
    settled = server.memory()
    others = _questions(server, 1)
    return [
        Figure(f"memory after {WARM:,} answers", warm, "MB"),
        Figure(f"... after {MANY:,} more, over that", after / warm, "x", 1.05),
        Figure(f"... after {OTHERS:,} other questions", settled, "MB"),
        Figure(
            f"... after {OTHERS:,} more of them, over that", server.memory() / settled, "x", 1.05
        ),
        Figure("answers to those per second", others.rate),
    ]


def _questions(server: Server, turn: int) -> load.Result:
    """Questions that nobody asked before, each once."""
    first = 1 + turn * OTHERS
    paths = [f"{BANDS}&min_usd={first + k}" for k in range(OTHERS)]
    messages = [load.request(server.port, path) for path in paths]
    return _answered(loaded(server.port, messages, requests=OTHERS))


def _answered(result: load.Result, status: int = 200) -> load.Result:
    """The result, if every answer had that status."""
    if (result.status, result.wrong) != (status, 0):
        raise RuntimeError(f"not all answers were {status}: {result}")
    return result

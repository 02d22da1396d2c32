"""What /metrics says, in Prometheus' text format.

Written by hand: a dozen lines of text need no client library, and a library would add its own
registry, locks and process collector to every request.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator

from scanner.outputs.api.links import PATHS
from scanner.outputs.api.source import Chain, State

KIND = b"text/plain; version=0.0.4; charset=utf-8"

# Upper ends of the latency buckets. [s]
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

# Paths that are counted by name; a label that clients could choose would grow without end.
_NAMED = frozenset(PATHS.values()) | {
    "/v1/status",
    "/v1/stream",
    "/healthz",
    "/metrics",
    "/openapi.json",
}
_ACCOUNTS = "/v1/accounts/"


class Metrics:
    """Counters of this process. Only the event loop's thread writes them."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.ready = 0
        self.seconds = 0.0
        self._buckets = [0] * (len(BUCKETS) + 1)
        self.streams = 0
        self.dropped = 0
        self.rescans: Counter[int] = Counter()

    def count(self, path: str, status: int, seconds: float) -> None:
        """One answered request."""
        self.requests[path if path in _NAMED else _label(path), status] += 1
        self.seconds += seconds
        self._buckets[bisect_left(BUCKETS, seconds)] += 1

    def text(self, state: State, now: float) -> bytes:
        """Everything, as it is now."""
        lines = [*_of_state(state, now), *self._of_process()]
        return "".join(f"{line}\n" for line in lines).encode()

    def _of_process(self) -> Iterator[str]:
        yield from _family(
            "http_requests_total",
            "counter",
            "Requests by path and status.",
            (
                (f'path="{path}",status="{status}"', count)
                for (path, status), count in sorted(self.requests.items())
            ),
        )
        yield from _family(
            "http_ready_total", "counter", "Answered from ready bytes.", [("", self.ready)]
        )
        name = "bandscan_http_request_seconds"
        yield f"# HELP {name} Time to answer, streams left out."
        yield f"# TYPE {name} histogram"
        below = 0
        for end, count in zip((*map(str, BUCKETS), "+Inf"), self._buckets, strict=True):
            below += count
            yield f'{name}_bucket{{le="{end}"}} {below}'
        yield f"{name}_sum {self.seconds:.6f}"
        yield f"{name}_count {below}"
        yield from _family("streams", "gauge", "Clients of /v1/stream.", [("", self.streams)])
        yield from _family(
            "streams_dropped_total",
            "counter",
            "Clients of /v1/stream that were too slow.",
            [("", self.dropped)],
        )
        yield from _family(
            "rescans_total",
            "counter",
            "Scans started by --watch, by exit code.",
            ((f'code="{code}"', count) for code, count in sorted(self.rescans.items())),
        )


def _label(path: str) -> str:
    return _ACCOUNTS + "{address}" if path.startswith(_ACCOUNTS) else "other"


def _of_state(state: State, now: float) -> Iterator[str]:
    chains = list(state.chains.values())
    yield from _family(
        "store_readable",
        "gauge",
        "1 where the newest scan of every chain can be read.",
        [("", int(state.trouble is None and all(chain.trouble is None for chain in chains)))],
    )
    shown = [(f'chain="{chain.chain_id}"', chain, chain.scan) for chain in chains if chain.scan]
    for name, text, value in (
        ("scan_block", "Block of the scan that is served.", lambda scan: scan.block),
        ("scan_timestamp_seconds", "Time of that block.", lambda scan: scan.timestamp),
        ("scan_age_seconds", "Its age.", lambda scan: round(now - scan.timestamp, 3)),
        ("scan_complete", "1 where it is complete.", lambda scan: int(scan.complete)),
    ):
        rows = ((label, value(scan)) for label, _, scan in shown if scan is not None)
        yield from _family(name, "gauge", text, rows)
    yield from _family(
        "collateral_at_risk_usd",
        "gauge",
        "Collateral at risk below (long) and above (short) spot.",
        (row for _, chain, _ in shown for row in _figures(chain)),
    )


def _figures(chain: Chain) -> Iterator[tuple[str, float]]:
    if chain.scan is not None:
        for driver, side, usd in chain.scan.figures:
            yield f'chain="{chain.chain_id}",driver="{_escaped(driver)}",side="{side}"', usd


def _family(name: str, kind: str, text: str, rows: Iterable[tuple[str, float]]) -> Iterator[str]:
    yield f"# HELP bandscan_{name} {text}"
    yield f"# TYPE bandscan_{name} {kind}"
    for labels, value in rows:
        yield f"bandscan_{name}{{{labels}}} {value}" if labels else f"bandscan_{name} {value}"


def _escaped(text: str) -> str:
    r"""A label's value: a driver is a symbol from a chain, and may hold anything.

    >>> print(_escaped('a"b\\c'))
    a\"b\\c
    """
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

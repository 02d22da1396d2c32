"""Endpoints in, a `Node` out.

The node owns one asyncio loop in a thread of its own; everything outside chain/ is synchronous,
and log ranges are fetched ahead while the main thread stores the former ones.
"""

import asyncio
import concurrent.futures
import random
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import msgspec

from scanner.chain.bulk import Budget
from scanner.chain.client import Client, Refused
from scanner.chain.guard import Guard
from scanner.chain.headers import Block, header_of
from scanner.chain.logs import Span
from scanner.chain.multicall3 import USUAL_ADDRESS
from scanner.chain.pace import Pace
from scanner.chain.packages import imported
from scanner.chain.pinned import Chain
from scanner.chain.secrets import Redactor
from scanner.chain.transport import Endpoint, Record, Stats
from scanner.chain.values import quantity
from scanner.errors import EndpointError, ReadError, UsageError

T = TypeVar("T")

CONNECT_PATIENCE = 10.0  # seconds to find a first usable endpoint
HEADS = 3  # how often a head is asked again that cannot be right
LAGS = 4  # how often a block is asked for that the head named and nobody has
TAGS = ("latest", "safe", "finalized")


def connect(
    chain_id: int | None,
    urls: Sequence[str],
    *,
    patience: float = 600,
    concurrency: int = 4,
    record: Record | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
    dice: random.Random | None = None,
) -> "Node":
    """A node behind one or more endpoints, the first usable one checked.

    Parameters
    ----------
    chain_id : int or None
        The chain every endpoint must serve; None = the one of the first usable endpoint.
    urls : sequence of str
        In order of preference. Secrets: messages only say "endpoint 1 of 2".
    patience : float
        Seconds without any progress after which reading stops with `ReadError`.
    concurrency : int
        Requests in flight per endpoint, at most.
    record : callable, optional
        Gets each request's body and the seconds it took, in order of the answers.
    sleep, clock, dice
        Waiting, monotonic time and chance, for tests.

    Raises
    ------
    UsageError
        A URL that is none.
    EndpointError
        No endpoint is usable: unreachable, refusing, or serving another chain.
    """
    if not urls:
        raise EndpointError("no endpoint given", fix="give one with --rpc, or set BANDSCAN_RPC")
    for position, url in enumerate(urls, 1):
        if not _is_http(url):
            raise UsageError(
                f"endpoint {position} of {len(urls)} is no http:// or https:// URL",
                fix="check --rpc (or BANDSCAN_RPC)",
            )
    redact = Redactor(urls)
    endpoints = [
        Endpoint(url, position, len(urls), redact, Pace(concurrency, sleep=sleep, clock=clock))
        for position, url in enumerate(urls, 1)
    ]
    client = Client(
        endpoints,
        patience=min(patience, CONNECT_PATIENCE),
        sleep=sleep,
        clock=clock,
        dice=dice,
        record=record,
    )
    client.chain_id, client.longest = chain_id, patience
    node = Node(client, concurrency)
    try:
        node.run(client.first())
    except BaseException:
        node.close()
        raise
    client.patience = patience
    return node


def _is_http(url: str) -> bool:
    try:
        split = urlsplit(url)
        return split.scheme in ("http", "https") and bool(split.hostname) and split.port != 0
    except ValueError:
        return False


class Node:
    """A chain behind endpoints that may fail. Use `connect`; close it, or use `with`."""

    def __init__(self, client: Client, concurrency: int) -> None:
        self.client = client
        self.concurrency = concurrency
        self.budget = Budget()
        self.spans: dict[str, Span] = {}
        self._guard: Guard | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rpc", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"Node({self.chain_id}, {len(self.client.endpoints)} endpoints)"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and end the thread."""
        if self._loop.is_closed():
            return
        if self._guard is not None:
            self._guard.close()
        self.run(self.client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def chain_id(self) -> int:
        assert self.client.chain_id is not None
        return self.client.chain_id

    @property
    def stats(self) -> Stats:
        """Requests, bytes and retries so far."""
        return self.client.stats

    @property
    def notes(self) -> list[str]:
        """Endpoints that were given up, and why: "endpoint 2 of 3 serves chain 137, not 1"."""
        found = [(e.name, e.without[""]) for e in self.client.endpoints if "" in e.without]
        return [f"{name} {why}" for name, why in found]

    def others(self, method: str) -> list[Endpoint]:
        """The endpoints that could be asked a method, but for the one that is asked first."""
        first = self.client.likely(method)
        return [e for e in self.client.endpoints if e is not first and not e.refuses(method)]

    def another(self, method: str) -> Endpoint | None:
        """One of them, to compare answers with."""
        return next(iter(self.others(method)), None)

    def call(self, method: str, params: Sequence[Any] = (), *, need: str = "") -> Any:
        """One JSON-RPC call with retries and failover; the decoded result.

        `need` names what an endpoint may lack for this call and not for others, as in "state at
        block 5". Raises `ReadError` where the node refuses.
        """
        return self.ask(method, msgspec.json.encode(list(params)), msgspec.json.decode, need=need)

    def head(self) -> int:
        """The newest block's number."""
        return self.ask("eth_blockNumber", b"[]", quantity)

    def block_by(self, block: int | str) -> Block:
        """The header of a number or a tag (latest, safe, finalized).

        Raises `UsageError` for a number above the head and for a tag the node does not know.
        """
        if isinstance(block, int):
            if block < 0:
                raise UsageError(f"there is no block {block}")
            head = self.head_from(block)
            if block > head:
                raise UsageError(
                    f"block {block} is in the future (head is {head})",
                    fix="give a lower --block, or latest",
                )
            return self.run(header_of(self.client, block))
        if block not in TAGS:
            raise UsageError(f"no such block: {block}", fix=f"a number, or {', '.join(TAGS)}")
        try:
            return self._wait(self.submit(header_of(self.client, block)))
        except Refused as refused:
            fault = refused.fault
        raise UsageError(
            f"this node knows no {block} block",
            reason=str(fault),
            fix="give a number, or latest",
        )

    def final(self) -> Block | None:
        """The newest block that the chain calls final; None where the node does not tell."""
        try:
            return self._wait(self.submit(header_of(self.client, "finalized")))
        except (Refused, ReadError):
            return None

    def hash_of(self, number: int) -> bytes:
        """The hash that the chain has for a block number now."""
        return self.run(header_of(self.client, number)).hash

    def pin(self, block: int | str = "latest", lag: int = 0) -> Chain:
        """The chain at one block.

        `latest` is `lag` blocks behind the head, so that an endpoint that is a little behind has
        it as well. Raises `UsageError` for a block in the future or an unknown tag.
        """
        found = self._newest(lag) if block == "latest" else self.block_by(block)
        self.client.reading = True
        return Chain(self, found)

    def _newest(self, lag: int) -> Block:
        """The block `lag` behind the head, once somebody has it.

        Of several nodes behind one address one may name a head that the others never heard of.
        """
        for last in (False,) * HEADS + (True,):
            head = self.run(header_of(self.client, "latest"))
            number = max(0, head.number - lag)
            try:
                return self._wait(
                    self.submit(header_of(self.client, number, lags=None if last else LAGS))
                )
            except Refused:
                continue
        raise AssertionError("the last one waits")

    def head_from(self, block: int) -> int:
        """The head; asked again where it lies before a block that may be there."""
        head = self.head()
        for _ in range(HEADS):
            if head >= block:
                break
            self.run(self.client.pause())
            head = max(head, self.head())
        return head

    @contextmanager
    def hasty(self) -> Iterator[None]:
        """Wait no longer than when connecting, meanwhile."""
        patience = self.client.patience
        self.client.patience = min(patience, CONNECT_PATIENCE)
        try:
            yield
        finally:
            self.client.patience = patience

    def doubt(self) -> None:
        """Have every endpoint say again which chain it serves, before it is asked anything else."""
        for endpoint in self.client.endpoints:
            endpoint.chain_id = None

    def multicall_address(self) -> bytes:
        """Where Multicall3 lives on this chain, by the table of the package `multicall`."""
        known = imported("multicall.constants").MULTICALL3_ADDRESSES.get(self.chain_id)
        return bytes.fromhex(known.removeprefix("0x")) if known else USUAL_ADDRESS

    def guard(self) -> Guard:
        """The package `multicall` behind our transport."""
        if self._guard is None:
            self._guard = Guard(self.client, self.chain_id)
        return self._guard

    def ask(
        self, method: str, params: bytes, accept: Callable[[msgspec.Raw], T], *, need: str = ""
    ) -> T:
        """`Client.ask`, waited for."""
        return self.run(self.client.ask(method, params, accept, need=need))

    def submit(self, job: Coroutine[Any, Any, T]) -> "concurrent.futures.Future[T]":
        """Start a job in the node's loop."""
        return asyncio.run_coroutine_threadsafe(job, self._loop)

    def result(self, future: "concurrent.futures.Future[T]") -> T:
        """Wait for a job; an interrupted wait ends it, a refusal is a `ReadError`."""
        try:
            return self._wait(future)
        except Refused as refused:
            error = refused.error("the node refuses a request")
        raise error

    def run(self, job: Coroutine[Any, Any, T]) -> T:
        """Run a job in the node's loop and wait for it."""
        return self.result(self.submit(job))

    def _wait(self, future: "concurrent.futures.Future[T]") -> T:
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

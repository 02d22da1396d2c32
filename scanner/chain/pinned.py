"""A chain at one block: the only door an adapter gets.

There is no way to name another block through it, so nothing read by one adapter can come from two
states of the chain.
"""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scanner.chain import abi
from scanner.chain.abi import U8
from scanner.chain.bulk import Bulk, Progress, bulk
from scanner.chain.calls import Call, Failed
from scanner.chain.headers import Block
from scanner.chain.history import ANY, History
from scanner.chain.log_columns import I64, LogChunk
from scanner.chain.logs import Way
from scanner.chain.multicall3 import ARB_SYS, ARB_SYS_ADDRESS, ARBITRUM, Aggregate
from scanner.chain.packages import imported
from scanner.chain.records import Bench
from scanner.chain.small import read
from scanner.chain.stub import Source
from scanner.chain.touching import touched
from scanner.chain.transport import Endpoint, Stats
from scanner.chain.trials import Room, Trials, trials
from scanner.chain.values import data, hex_of

if TYPE_CHECKING:
    from scanner.chain.connect import Node

__all__ = ["Block", "Bulk", "Call", "Chain", "Failed", "LogChunk", "Source", "Trials", "Way"]

_MULTICALL3 = abi.load("multicall3")
_NESTED = 25  # calls that share what comes before them
GAS_PER_CALL, GAS_PER_WORD = 12_000, 4_000  # a getter behind a proxy, and each further slot


class Chain:
    """Reads of one block. Made by `Node.pin`.

    Attributes
    ----------
    chain_id : int
    block : Block
        number, hash, parent_hash, timestamp.
    """

    def __init__(self, node: "Node", block: Block) -> None:
        assert node.chain_id is not None
        self._node = node
        self.chain_id = node.chain_id
        self.block = block
        self._aggregate: Aggregate | None = None
        self._codes: dict[bytes, bytes] = {}
        self._rooms: dict[tuple[bytes, bool], Room] = {}

    def __repr__(self) -> str:
        return f"Chain({self.chain_id}, block {self.block.number})"

    @property
    def stats(self) -> Stats:
        """Requests, bytes and retries of the node so far."""
        return self._node.stats

    def bulk(
        self,
        targets: U8,
        data: U8,
        words: int,
        *,
        gas: int | None = None,
        progress: Progress | None = None,
    ) -> Bulk:
        """Many calls of one shape at the pinned block.

        Parameters
        ----------
        targets : U8[n, 20] or U8[20]
            Contracts, or one for all calls.
        data : U8[n, k]
            Call data (`abi.pack` makes it).
        words : int
            32-byte words expected back from each call.
        gas : int, optional
            Estimate of one call, where it is known to be heavy.
        progress : callable, optional
            Gets the number of calls done, from another thread.

        Returns
        -------
        Bulk
            ok[n] and words[n, words, 32] in call order. A call is `ok` = False when it reverted,
            answered fewer bytes or has no contract, after it was asked a second time.

        Raises
        ------
        ReadError
            The chain stopped answering, or answers for another block.
        """
        ahead = self.bulk_ahead(targets, data, words, gas=gas, progress=progress)
        return self._node.result(ahead)

    def bulk_ahead(
        self,
        targets: U8,
        data: U8,
        words: int,
        *,
        gas: int | None = None,
        progress: Progress | None = None,
    ) -> Future[Bulk]:
        """`bulk`, begun and not waited for: `.result()` waits, `.cancel()` gives it up."""
        calls = np.ascontiguousarray(data, np.uint8)
        where = np.ascontiguousarray(np.broadcast_to(targets, (len(calls), 20)), np.uint8)
        return self._node.submit(
            bulk(
                self._node.client,
                self._multicall(),
                self._node.budget,
                where,
                calls,
                words,
                gas=gas or GAS_PER_CALL + GAS_PER_WORD * words,
                concurrency=self._node.concurrency,
                progress=progress,
            )
        )

    def trials(
        self,
        feeds: Sequence[Source | bytes],
        answers: npt.NDArray[Any],
        targets: U8,
        data: U8,
        words: int,
        *,
        prepare: Sequence[tuple[U8, U8]] = (),
        once: Sequence[tuple[bytes, bytes]] = (),
        undone: bool = False,
        skip: int = 0,
        gas: int | None = None,
        progress: Progress | None = None,
    ) -> Trials:
        """What calls would reply at the pinned block if feeds answered otherwise.

        Parameters
        ----------
        feeds : sequence of Source, or of 20-byte addresses
            Who is told what to answer.
        answers : object or int64 array, shape (n, feeds)
            What each trial tells them, up to 256 bits; None or a negative number leaves a feed its
            own present answer.
        targets, data
            The call of each trial, as in `bulk`.
        words, skip : int
            Words of the reply that are kept, and how many are not before them.
        prepare : sequence of (targets, data)
            Calls of each trial made before it, such as Maker's `poke`; a trial of which one fails
            is not `ok`.
        once : sequence of (address, call data)
            Calls made once in each request, before all trials: an accrual of interest. One that
            fails is passed over.
        undone : bool
            Whether all that a trial writes is undone before the next one. Where it is not, the
            last call must be a view, and what `prepare` writes must be written anew each time.
        gas : int, optional
            A guess of one trial's, where it is known to be heavy.
        progress : callable, optional
            Gets the number of trials done, from another thread.

        Raises
        ------
        OverridesRefused
            No endpoint takes state overrides.
        ReadError
        """
        sources = [f if isinstance(f, Source) else Source(bytes(f)) for f in feeds]
        calls = np.ascontiguousarray(data, np.uint8)
        size = len(calls)
        if not size:
            none = np.zeros(0, np.int64)
            empty = np.zeros((0, words, 32), np.uint8)
            no = none > 0
            return Trials(no, empty, no, no, none, none, ())

        def asked(where: U8, what: U8) -> tuple[U8, U8]:
            what = np.broadcast_to(np.asarray(what, np.uint8), (size, what.shape[-1]))
            return np.ascontiguousarray(np.broadcast_to(where, (size, 20)), np.uint8), what

        bench = Bench(
            sources,
            [self._code_once(source.address) for source in sources],
            once,
            undone,
            skip,
            gas or Bench.gas,
        )
        job = trials(
            self._node.client,
            self._multicall(),
            bench,
            np.asarray(answers, object).reshape(size, len(sources)),
            [asked(*each) for each in prepare],
            asked(targets, calls),
            words,
            room=self._rooms.setdefault((calls[0, :4].tobytes(), undone), Room()),
            concurrency=self._node.concurrency,
            progress=progress,
        )
        return self._node.run(job)

    def _code_once(self, address: bytes) -> bytes:
        """`code_at`, remembered."""
        if address not in self._codes:
            self._codes[address] = self.code_at(address)
        return self._codes[address]

    def read(self, calls: Sequence[Call]) -> list[Any]:
        """Few reads of any shape at the pinned block.

        The answers in order: the value of a single output, a tuple of several, a struct as a
        tuple, an address as lower-case hexadecimal; `Failed(reason)` for a revert, a missing
        contract or an answer that cannot be decoded. Raises `ReadError`.
        """
        if not calls:
            return []
        aggregate, guard = self._multicall(), self._node.guard()
        return self._node.run(read(self._node.client, guard, aggregate, calls))

    def touched(self, calls: Sequence[Call]) -> set[bytes]:
        """Addresses that some reads touch, as a node says; empty where none tells (touching.py)."""
        return self._node.run(touched(self._node.client, self._multicall(), calls))

    def read_after(self, first: Sequence[Call], calls: Sequence[Call]) -> list[Any]:
        """`read`, all calls as they answer after what `first` did, in the same execution.

        For what anybody may send before a liquidation (an accrual of interest). A call of `first`
        that fails is passed over.
        """
        before = [(call.address, True, call.encoded()) for call in first]
        parts = [calls[k : k + _NESTED] for k in range(0, len(calls), _NESTED)]
        answers: list[Any] = []
        for part, found in zip(
            parts, self.read([self._nested(before, p) for p in parts]), strict=True
        ):
            if isinstance(found, Failed) and len(part) > 1:  # too much for one call
                alone = self.read([self._nested(before, [call]) for call in part])
                answers += [_answer(c, one, -1) for c, one in zip(part, alone, strict=True)]
            else:
                places = range(-len(part), 0)
                answers += [_answer(c, found, k) for c, k in zip(part, places, strict=True)]
        return answers

    def _nested(self, before: list[Any], calls: Sequence[Call]) -> Call:
        """An aggregate3 that is itself one call of an aggregate3."""
        rows = [*before, *((call.address, True, call.encoded()) for call in calls)]
        return Call(self._multicall().address, _MULTICALL3, "aggregate3", (rows,))

    def logs(
        self,
        addresses: Sequence[bytes],
        topic0: Sequence[bytes],
        first: int,
        last: int | None = None,
        *,
        way: Way = ANY,
    ) -> Iterator[LogChunk]:
        """Logs of `addresses` whose first topic is one of `topic0` (any, if empty), in order.

        `last` defaults to the pinned block and never goes beyond it. The chunks cover
        `first` .. `last` without gaps; the next ranges are fetched while one is worked on.
        Raises `ReadError`.
        """
        return History(self._node, self, addresses, topic0, way).logs(first, last)

    def tip_logs(
        self,
        addresses: Sequence[bytes],
        topic0: Sequence[bytes],
        first: int,
        *,
        way: Way = ANY,
    ) -> Iterator[LogChunk]:
        """The logs of each block from the pinned one down to `first`, asked by the block's hash.

        A node that is behind answers a range as if nothing had happened; asked by a hash it has to
        say that it lacks the block. Ends early where a node cannot be asked that way, or after 256
        blocks. Raises `ReadError`.
        """
        return History(self._node, self, addresses, topic0, way).tip(first)

    def widest_logs(self, addresses: Sequence[bytes], topic0: Sequence[bytes], first: int) -> int:
        """How many blocks a log request may span, tried from block `first` on; remembered."""
        return History(self._node, self, addresses, topic0, ANY).widest(first)

    async def count_logs(
        self, addresses: Sequence[bytes], topic0: Sequence[bytes], block: int, endpoint: Endpoint
    ) -> int | None:
        """How many logs a block holds, as one endpoint says; None where it cannot say.

        Runs in the node's loop, once logs were asked for.
        """
        history = History(self._node, self, addresses, topic0, Way(only=endpoint))
        return await history.count(block)

    @cached_property
    def final(self) -> Block | None:
        """The newest block that cannot be reorganised away; None where the node names none."""
        return self._node.final()

    def ancestors(self) -> Callable[[I64], Coroutine[Any, Any, U8]]:
        """A job for the node's loop: hashes, [n, 32], of blocks before the pinned one.

        As its own chain has them (BLOCKHASH): zero for those more than 256 blocks away, and on
        chains that do not know it.
        """
        node, aggregate = self._node, self._multicall()
        selector, where = _MULTICALL3.selector("getBlockHash"), aggregate.address
        if self.chain_id == ARBITRUM:
            selector, where = ARB_SYS.selector("arbBlockHash"), ARB_SYS_ADDRESS

        async def hashes(blocks: I64) -> U8:
            calls = abi.pack(selector, blocks)
            targets = np.broadcast_to(np.frombuffer(where, np.uint8), (len(calls), 20))
            found = await bulk(
                node.client,
                aggregate,
                node.budget,
                targets,
                calls,
                1,
                gas=GAS_PER_CALL,
                concurrency=node.concurrency,
            )
            return found.words[:, 0]

        return hashes

    def code_at(self, address: bytes) -> bytes:
        """The contract code at the pinned block; empty where there is none."""
        params = b'["0x%b",%b]' % (bytes(address).hex().encode(), hex_of(self.block.number))
        need = f"state at block {self.block.number}"
        return self._node.ask("eth_getCode", params, data, need=need)

    def storage_at(self, address: bytes, slot: int) -> bytes:
        """The 32-byte word in a contract's storage at the pinned block."""
        where = bytes(address).hex().encode(), hex_of(slot), hex_of(self.block.number)
        need = f"state at block {self.block.number}"
        return self._node.ask("eth_getStorageAt", b'["0x%b",%b,%b]' % where, data, need=need)

    def still_canonical(self) -> bool:
        """Whether the pinned number still has the pinned hash.

        The proof inside the calls cannot tell a sibling block of equal height, parent and time.
        """
        return self._node.hash_of(self.block.number) == self.block.hash

    def _multicall(self) -> Aggregate:
        if self._aggregate is None:
            address = self._node.multicall_address()
            code = b""
            if not self.code_at(address):
                # Too early a block or a bare local chain: lend the code by a state override.
                lent = str(imported("multicall.constants").MULTICALL3_BYTECODE)
                code = bytes.fromhex(lent.removeprefix("0x"))
            self._aggregate = Aggregate(self.chain_id, self.block, address, code)
        return self._aggregate


def _answer(call: Call, answer: Any, place: int) -> Any:
    """One answer of a nested aggregate3."""
    if isinstance(answer, Failed):
        return answer
    done, content = answer[place]
    if not done or not content:
        return Failed("reverted")
    try:
        return call.decoded(bytes(content))
    except Exception as error:  # eth_abi's many errors all mean one thing here
        return Failed(f"undecodable answer ({type(error).__name__})")

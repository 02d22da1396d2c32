"""Which ways to put many calls into one an endpoint offers, and how many calls it takes.

The calls go to the identity precompile, which answers what it is given: every answer is known
beforehand, and no state is read. So the size is measured, and not the gas.
"""

import msgspec
import numpy as np

from scanner.chain.bulk import CALL_BYTES, Budget, Shape
from scanner.chain.found import Batch, Found
from scanner.chain.lens import LONGEST_INIT_CODE, packed, params, sorted_calls
from scanner.chain.multicall3 import ARBITRUM, Aggregate, tuples
from scanner.chain.probe import Declined, Probe, Unknown
from scanner.chain.transport import Path
from scanner.chain.values import Untrue

TRIAL = 8  # calls to try a path with
_IDENTITY = bytes(19) + b"\x04"
_NAMES = {Path.CREATE: "create_and_revert", Path.OVERRIDE: "state_override"}
_ROOM = LONGEST_INIT_CODE - 1_024
_SHAPES = {  # bytes sent and answered for one call
    Path.OVERRIDE: Shape(20, 33, 1),
    Path.CREATE: Shape(-(-20 * CALL_BYTES // _ROOM), 33, 1),
    Path.AGGREGATE: Shape(192, 160, 1),
}


def try_paths(probe: Probe, found: Found, here: Aggregate) -> None:
    """Note in `found` which paths answer rightly at the block of `here`, and the largest batch."""
    best = Path.AGGREGATE
    for path, name in _NAMES.items():  # the best one last
        if here.chain_id == ARBITRUM:
            found.reasons[name] = "not used on this chain: its calls see another block number"
            continue
        try:
            _many(probe, here, path, TRIAL)
            offered: bool | None = True
            best = path
        except Declined as no:
            offered, found.reasons[name] = None if no.passing else False, str(no)
        except Unknown as why:
            found.reasons[name] = str(why)
            continue
        setattr(found, name, offered)
    try:
        found.batch = _largest(probe, here, best)
    except Unknown as why:
        found.reasons["batch"] = str(why)


def _largest(probe: Probe, here: Aggregate, path: Path) -> Batch:
    """The largest batch a scan would ask for, halved until it is taken."""
    wanted = count = Budget().calls(_SHAPES[path])
    refusal = None
    while True:
        tally = probe.node.stats.methods["eth_call"]
        sent, received = tally.sent, tally.received
        try:
            _many(probe, here, path, count)
        except Declined as no:
            if count <= TRIAL:
                raise
            refusal, count = str(no), count // 2
            continue
        return Batch(path, count, wanted, refusal, tally.sent - sent, tally.received - received)


def _many(probe: Probe, here: Aggregate, path: Path, count: int) -> None:
    """So many calls in one request; each answer is known beforehand."""
    given = np.zeros((count, 32), np.uint8)
    given[:, 28:] = np.arange(1, count + 1, dtype=">u4").view(np.uint8).reshape(-1, 4)
    targets = np.tile(np.frombuffer(_IDENTITY, np.uint8), (count, 1))
    if path is Path.AGGREGATE:
        structs = tuples(targets, given)
        sizes = np.full(count, structs.shape[1], np.int64)
        sent = here.params(structs.tobytes(), sizes)
    else:
        calls = sorted_calls(targets, given)
        lens, content = packed(calls, np.arange(count, dtype=np.int64), 1)
        sent = params(lens, content, path, here.block.number)

    def accept(raw: msgspec.Raw) -> None:
        if path is Path.AGGREGATE:
            good, words = here.accept(raw, count).columns(1)
        else:
            good, words = lens.accept(raw, here)
        if not good.all() or bool((words[:, 0] != given).any()):
            raise Untrue("its answers are not those of the calls")

    probe.ask("eth_call", sent, accept, reverts=path is Path.CREATE)

"""One seed of the mixed faults: a scan through them, held against an undisturbed one."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from localchain.mixed import Mixed

from hostile.mixture import mixture
from hostile.scans import KEY, scan
from hostile.server import HostileProxy


@dataclass(frozen=True)
class Mixture:
    """What became of one seed.

    Attributes
    ----------
    faults : list of str
        Id and variant of each fault.
    struck : int
        How often they acted.
    healed, identical : bool
        Exit 0, and the document of an undisturbed scan.
    said : str
        What the scan said on stderr.
    """

    seed: int
    faults: list[str]
    struck: int
    healed: bool
    identical: bool
    said: str


def through_mixture(mixed: Mixed, folder: Path, seed: int, want: bytes) -> Mixture:
    """Scan into a new store in `folder`, which is removed again."""
    faults = mixture(seed)
    try:
        with HostileProxy(mixed.ground.node.url, faults, seed=seed, path=f"/{KEY}") as proxy:
            ended = scan(mixed, folder, proxy.url)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Mixture(
        seed,
        [f"{one.id}/{one.variant}" for one in faults],
        sum(proxy.struck.values()),
        ended.code == 0,
        ended.document == want,
        ended.err,
    )

"""Twenty kills at random moments: no store is damaged, and the next scan is that of a new one."""

from collections import Counter
from pathlib import Path

from localchain.mixed import Mixed

from hostile.kills import KINDS, Kills


def test_killed_at_any_moment_nothing_is_lost(small: Mixed, tmp_path: Path) -> None:
    """Eight first scans, seven that build on another, five watches; 200 more by scripts/soak."""
    with Kills(small, tmp_path) as kills:
        found = [kills.one(seed) for seed in range(20)]
    assert not [one for one in found if one.wrong]
    assert Counter(one.kind for one in found) == Counter(KINDS)
    assert sum(one.died for one in found) >= 12, found
    assert len({one.left for one in found}) >= 3, found

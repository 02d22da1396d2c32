"""Where a band begins and ends, beside small neighbours and giants, and with its owners known."""

import numpy as np
import pytest
from band_books import search, uniform_crowd, with_box, with_rows
from bench.owned import with_split_fortune
from bench.planted import SPOT, plant, whales

from scanner.core.bands import find_bands


@pytest.mark.parametrize(
    ("background", "seed", "nearby"),
    [
        ("near", 1002, 1863.16),
        ("far", 1003, 1777.78),
        ("flat", 1004, 1773.88),
        ("near", 1012, 1780.1),
    ],
)
def test_a_small_neighbour_of_whales_does_not_widen_their_range(
    background: str, seed: int, nearby: float
) -> None:
    """Some account with 1 to 3 % of the range just outside the six: a member, but no edge."""
    book = whales(seed, background=background)
    first = search(book, 2350.0)[0]

    assert (first.low, first.high) == (1781.09, 1862.02)
    assert nearby in book.price[first.members].round(2)


@pytest.mark.parametrize("rows", [1, 5])
def test_a_giant_inside_a_range_does_not_hide_the_crowd_around_it(rows: int) -> None:
    """A box from 700 to 725 with 60 times its dollars on one owner at 712: the edges stay."""
    box = with_box(uniform_crowd())
    (plain,) = search(box)
    giant = with_rows(box, [712.0] * rows, [18e6 / rows] * rows)
    owner = np.append(np.arange(2300), [2300] * rows)
    (band,) = search(giant, account=owner)

    assert band.kind == "band"
    assert band.top_share > 0.97
    assert band.low == pytest.approx(plain.low, rel=1e-3)
    assert band.high == pytest.approx(plain.high, rel=1e-3)


def test_a_fortune_in_thirty_wallets_is_no_band_once_its_owner_is_known() -> None:
    """Taken for 30 owners it stands out; as one owner's it is walls, one for each tick it fills."""
    owned = with_split_fortune(plant("none", "flat", 1000, 8200), 8200)
    owner = int(owned.owner[-1])
    apart = search(owned.book, SPOT)
    known = search(owned.book, SPOT, account=owned.owner)

    fortune = owned.book.weight[owned.owner == owner].sum()
    assert any(b.kind == "band" and b.accounts >= 30 and b.amount >= fortune for b in apart)
    assert all(b.kind == "wall" for b in known)
    walls = [b for b in known if (owned.owner[b.members] == owner).all()]
    assert sum(b.amount for b in walls) > 0.5 * fortune
    assert {b.accounts for b in walls} == {1}


def test_edges_are_prices_of_members_however_few_or_unequal() -> None:
    """60 accounts, Pareto sizes with index 0.7: no edge outside, none crossed."""
    ranges = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        price, weight = rng.uniform(400.0, 1000.0, 60), rng.pareto(0.7, 60) + 1e-9
        price[:12] = rng.uniform(700.0, 720.0, 12)
        for band in find_bands(price, weight, np.arange(60), 1000.0, "long"):
            held = price[band.members]
            assert band.low in held
            assert band.high in held
            assert band.low <= band.high
            ranges += band.kind == "band"
    assert ranges >= 10

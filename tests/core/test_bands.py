"""Behaviour of the band finder on books whose answer a reader can see."""

from collections.abc import Sequence
from dataclasses import fields
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from band_books import search, uniform_crowd, with_box, with_rows
from bench.planted import BACKGROUNDS, SPOT, Book, plant, score, whales

from scanner.core import _view
from scanner.core._chance import Sizes, even_exponent, size_cap, tail_exponent
from scanner.core._segments import dense_segments, ruzzo_tompa
from scanner.core.bands import Band, BandSettings, find_bands
from scanner.core.ticks import TICK_RATIO, tick_of

F64 = npt.NDArray[np.float64]


def said(found: Sequence[Band]) -> list[tuple[object, ...]]:
    """Everything a band says, but for which rows of the caller it is made of."""
    return [
        tuple(getattr(b, one.name) for one in fields(Band) if one.name != "members") for b in found
    ]


def test_a_uniform_crowd_has_no_band() -> None:
    """Nothing stands out where every price holds the same."""
    assert search(uniform_crowd()) == []


def test_a_denser_range_is_a_band_with_its_own_edges_and_sums() -> None:
    """300 accounts on top of a crowd of 77: edges near 700 and 725, about 377 of 2,300 accounts."""
    book = with_box(uniform_crowd())
    (band,) = search(book)

    assert band.kind == "band"
    assert band.low == pytest.approx(700.0, rel=0.003)
    assert band.high == pytest.approx(725.0, rel=0.003)
    assert band.low in book.price
    assert band.high in book.price
    assert band.amount == pytest.approx(1000.0 * band.positions)
    assert 360 <= band.accounts == band.positions <= 390
    assert band.effective_accounts == pytest.approx(band.accounts)
    assert band.top_share == pytest.approx(1 / band.accounts)
    assert band.normal is not None
    assert 60_000 < band.normal < 110_000
    assert band.chance_bound is not None
    assert band.chance_bound < 1e-6
    assert band.distance == pytest.approx(band.high / 1000.0 - 1.0)


def test_members_are_exactly_the_rows_in_the_run_of_ticks() -> None:
    """Membership is by tick, so that the sum of a range is the sum of its ticks."""
    book = with_box(uniform_crowd())
    (band,) = search(book)
    tick = tick_of(book.price)

    inside = np.flatnonzero((tick >= band.tick_low) & (tick <= band.tick_high))
    np.testing.assert_array_equal(np.sort(band.members), inside)
    assert band.amount == pytest.approx(book.weight[inside].sum(), rel=1e-12)


def test_one_giant_account_is_a_wall_at_its_own_price_and_no_band() -> None:
    """A single account with a third of everything is a fact, not a pile."""
    (wall,) = search(with_rows(uniform_crowd(), [640.0], [1_000_000.0]))

    assert (wall.kind, wall.low, wall.high) == ("wall", 640.0, 640.0)
    assert (wall.accounts, wall.positions) == (1, 1)
    assert wall.amount == pytest.approx(1_000_000.0)
    assert wall.normal is None
    assert wall.chance_bound is None
    assert wall.distance == pytest.approx(-0.36)


def test_two_walls_stay_apart_and_three_linked_ones_are_one_range() -> None:
    """640, 650 and 660 are each within 2 % of the next; 640 and 650 alone are not enough."""
    two = search(with_rows(uniform_crowd(), [640.0, 650.0], [99_000.0, 99_000.0]))
    assert [wall.kind for wall in two] == ["wall", "wall"]

    sparse = uniform_crowd(15)  # too few accounts for bands
    (three,) = [
        b
        for b in search(with_rows(sparse, [640.0, 650.0, 660.0], [90_000.0] * 3))
        if b.kind == "walls"
    ]
    assert (three.low, three.high) == (640.0, 660.0)


def test_walls_of_one_owner_are_not_a_range() -> None:
    """Three large positions of one owner at three prices are three walls, not a cluster."""
    book = with_rows(uniform_crowd(), [640.0, 650.0, 660.0], [99_000.0] * 3)
    owner = np.append(np.arange(2000), [2000, 2000, 2000])

    assert [b.kind for b in search(book, account=owner)] == ["wall"] * 3
    assert [b.low for b in search(book, account=owner)] == [640.0, 650.0, 660.0]


def test_six_large_accounts_near_each_other_are_quoted_as_one_range() -> None:
    """The whales of February: one range, first by amount, edges to the cent, 6 large accounts."""
    book = whales(7001, background="steep", sizes="lognormal")
    first = search(book, 2350.0)[0]

    assert (first.low, first.high) == (1781.09, 1862.02)
    assert first.accounts >= 6
    assert first.amount >= book.weight[-6:].sum()


def test_a_band_that_rests_on_one_owner_is_none() -> None:
    """The same 300 rows as a band, held by one owner: it stands out only with that owner."""
    book = with_box(uniform_crowd())
    one_owner = np.append(np.arange(2000), np.full(300, 2000))
    three_owners = np.append(np.arange(2000), 2000 + np.arange(300) % 30)

    assert [b.kind for b in search(book, account=one_owner)] == ["wall"]
    (band,) = search(book, account=three_owners)
    assert band.kind == "band"
    assert band.positions - band.accounts == pytest.approx(270, abs=8)


def test_the_largest_account_of_a_range_is_its_rows_there_added_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """400 rows of 150 owners, of whom 10 are looked at first: as a slow sum per owner says."""
    monkeypatch.setattr(_view, "_LARGE", 10)
    rng = np.random.default_rng(2)
    price, weight = rng.uniform(400.0, 1000.0, 400), rng.integers(1, 2**20, 400).astype(float)
    owner = rng.integers(0, 150, 400)
    view = _view.look(price, weight, owner, 400.0, 1000.0)
    assert view is not None

    start, stop = np.array([[0, 40], [100, 101], [150, 250], [300, view.ticks]]).T
    ranges = [(view.tick >= i) & (view.tick < j) for i, j in zip(start, stop, strict=True)]
    held = [[weight[inside & (owner == k)].sum() for k in range(150)] for inside in ranges]
    largest = np.max(held, axis=1)
    for cap in (largest * 2, largest / 3):
        found = view.largest_in(start, stop, cap / view.unit) * view.unit
        assert found == pytest.approx(np.minimum(largest, cap))


def test_one_owner_with_many_rows_counts_as_one_account() -> None:
    """20 accounts are the least for bands: 300 rows of 19 owners have none."""
    price = np.geomspace(700.0, 702.0, 300)
    owner = np.arange(300) % 19

    found = find_bands(price, np.full(300, 1.0), owner, 1000.0, "long")
    assert all(b.kind != "band" for b in found)


def test_the_numbers_of_the_owners_do_not_matter() -> None:
    """Owner numbers are names: large, negative or dense ones give the same bands."""
    book = with_box(uniform_crowd())
    owner = np.append(np.arange(2000), 2000 + np.arange(300) // 2)

    assert said(search(book, account=owner)) == said(search(book, account=owner * -(10**12) + 5))


@pytest.mark.parametrize("owners", [1700, 500])
def test_the_order_of_the_rows_does_not_matter(owners: int) -> None:
    """Any permutation gives the same bands to the last digit, and the same members."""
    book = plant("box", "near", 1000, 3)
    rows = len(book.price)
    owner = np.arange(rows) % owners
    plain = find_bands(book.price, book.weight, owner, SPOT, "long")
    assert plain

    for seed in range(3):
        order = np.random.default_rng(seed).permutation(rows)
        mixed = find_bands(book.price[order], book.weight[order], owner[order], SPOT, "long")
        assert said(mixed) == said(plain)
        for a, b in zip(plain, mixed, strict=True):
            np.testing.assert_array_equal(np.sort(order[b.members]), np.sort(a.members))


def test_scaling_every_weight_scales_amounts_only() -> None:
    """1,000 times the dollars: the same ranges with 1,000 times the amounts."""
    book = plant("gauss", "flat", 1000, 3)
    plain = search(book, SPOT)
    large = search(Book(book.price, book.weight * 1000.0, []), SPOT)

    assert plain
    assert [(b.kind, b.low, b.high) for b in large] == [(b.kind, b.low, b.high) for b in plain]
    assert [b.amount for b in large] == pytest.approx([1000.0 * b.amount for b in plain])


def test_scaling_every_price_by_whole_ticks_moves_ranges_only() -> None:
    """Prices and spot times 1.0025^400: the same rows are members."""
    book = with_box(uniform_crowd())
    factor = TICK_RATIO**400
    (plain,) = search(book)
    (moved,) = search(Book(book.price * factor, book.weight, []), 1000.0 * factor)

    np.testing.assert_array_equal(moved.members, plain.members)
    assert moved.tick_low == plain.tick_low + 400


def test_the_short_side_finds_what_stands_above_spot() -> None:
    """300 accounts from 1,300 to 1,340: distance is positive, to the nearest edge."""
    book = with_rows(
        uniform_crowd(side="short"), np.geomspace(1300.0, 1340.0, 300).tolist(), [1000.0] * 300
    )
    (band,) = find_bands(book.price, book.weight, book.account, 1000.0, "short")

    assert band.low == pytest.approx(1300.0, rel=0.003)
    assert band.high == pytest.approx(1340.0, rel=0.003)
    assert band.distance == pytest.approx(band.low / 1000.0 - 1.0)
    assert search(book) == []


def test_the_far_end_does_not_move_edges() -> None:
    """Without the farthest 1 % of prices, the band is the same to the last digit of its edges."""
    book = with_box(uniform_crowd())
    near = book.price > np.quantile(book.price, 0.01)
    (whole,) = search(book)
    (cut,) = search(Book(book.price[near], book.weight[near], []))

    assert (cut.low, cut.high, cut.amount) == (whole.low, whole.high, whole.amount)


def test_dust_does_not_widen_a_range() -> None:
    """2,000 accounts of 1 USD around the box leave its edges where they were."""
    book = with_box(uniform_crowd())
    (plain,) = search(book)
    (dusty,) = search(with_rows(book, np.geomspace(650.0, 780.0, 2000).tolist(), [1.0] * 2000))

    assert dusty.low == pytest.approx(plain.low, rel=1e-4)
    assert dusty.high == pytest.approx(plain.high, rel=1e-4)


def test_both_ends_of_the_window_are_in_view_and_no_more() -> None:
    """At spot and at 0.4 of spot an account is a wall; a hair outside it is not seen."""
    ends = with_rows(uniform_crowd(), [400.0, 1000.0], [99_000.0, 98_000.0])
    assert [wall.low for wall in search(ends)] == [400.0, 1000.0]

    outside = with_rows(uniform_crowd(), [399.99, 1000.01], [99_000.0, 98_000.0])
    assert search(outside) == []


def test_nothing_in_view_has_no_bands() -> None:
    """No rows, rows without weight, rows without a price: an empty answer."""
    none = np.zeros(0)
    some = np.full(50, 700.0)
    owner = np.arange(50)

    assert find_bands(none, none, none.astype(np.int64), 1000.0, "long") == []
    assert find_bands(some, np.zeros(50), owner, 1000.0, "long") == []
    assert find_bands(np.full(50, np.nan), np.ones(50), owner, 1000.0, "long") == []


def test_fewer_than_twenty_accounts_have_walls_only() -> None:
    """15 accounts: five large ones side by side are a range of walls, and nothing is a band."""
    book = with_rows(uniform_crowd(10), [700.0, 701.0, 702.0, 703.0, 704.0], [5000.0] * 5)

    assert {b.kind for b in search(book)} == {"walls"}


def test_rows_come_largest_first_and_bands_do_not_overlap() -> None:
    """Sorted by amount; the tick runs of bands are disjoint."""
    found = search(plant("box", "near", 5000, 4), SPOT)
    amounts = [b.amount for b in found]
    runs = sorted((b.tick_low, b.tick_high) for b in found if b.kind == "band")

    assert amounts == sorted(amounts, reverse=True)
    assert len(runs) >= 2
    assert all(a[1] < b[0] for a, b in pairwise(runs))


@pytest.mark.parametrize(
    ("price", "weight", "spot", "side", "settings"),
    [
        ([1.0, 2.0], [1.0], 2.0, "long", BandSettings()),
        ([1.0], [-1.0], 2.0, "long", BandSettings()),
        ([1.0], [float("nan")], 2.0, "long", BandSettings()),
        ([1.0], [1.0], 0.0, "long", BandSettings()),
        ([1.0], [1.0], 2.0, "both", BandSettings()),
        ([1.0], [1.0], 2.0, "long", BandSettings(window=0.3)),
    ],
)
def test_input_that_has_no_answer_is_refused(
    price: list[float], weight: list[float], spot: float, side: str, settings: BandSettings
) -> None:
    """Better a crash than a made-up band."""
    owner = np.arange(len(price))
    with pytest.raises(ValueError, match="must"):
        find_bands(np.array(price), np.array(weight), owner, spot, side, settings)  # type: ignore[arg-type]


def test_planted_ranges_are_found_and_little_else() -> None:
    """Two seeds of every plant and background at n = 1,000, against the published table.

    The floors are the table's figures less 0.07 for the few books; false bands are counted.
    """
    floors = {"box": 0.86, "gauss": 0.74, "slope": 0.80, "six": 0.68, "whale": 0.88}
    false = 0
    for kind, floor in floors.items():
        overlaps = []
        for background in BACKGROUNDS:
            for seed in (8000, 8001):
                book = plant(kind, background, 1000, seed)
                result = score(book, search(book, SPOT))
                overlaps += result.overlaps
                false += result.false_bands
        assert np.mean(overlaps) >= floor, kind
    assert false <= 3


def test_books_without_bands_have_hardly_any() -> None:
    """50 band-free books with lone whales: at most 3 false bands."""
    false = 0
    for background in BACKGROUNDS:
        for seed in range(8100, 8110):
            book = plant("none", background, 1000, seed)
            false += score(book, search(book, SPOT)).false_bands
    assert false <= 3


def test_a_cap_is_moved_neither_by_a_giant_nor_by_dust() -> None:
    """1,000 accounts of 1: beside a giant with 74 % of all, or as many of 1e-6, the cap is 1."""
    crowd = Sizes(np.array([1.0]), np.array([1000.0]))
    giant = Sizes(np.array([1.0, 2850.0]), np.array([1000.0, 1.0]))
    dust = Sizes(np.array([1e-6, 1.0]), np.array([1000.0, 1000.0]))

    assert [size_cap(sizes, 1 / 3) for sizes in (crowd, giant, dust)] == [1.0, 1.0, 1.0]


def test_the_chance_bound_is_the_textbook_one_for_equal_accounts() -> None:
    """Equal accounts: psi = n KL(k/n || q); for n = 100, k = 30, q = 0.1 that is 15.37."""
    sizes = Sizes(np.array([7.0]), np.array([100.0]))
    k, q = 0.3, 0.1
    divergence = k * np.log(k / q) + (1 - k) * np.log((1 - k) / (1 - q))

    table = np.zeros(1, np.int64)

    (psi,) = tail_exponent([sizes], table, np.array([30 * 7.0]), np.array([q]))
    assert psi == pytest.approx(100 * divergence, rel=1e-6)
    assert tail_exponent([sizes], table, np.array([9 * 7.0]), np.array([q])).tolist() == [0.0]


def test_the_chance_bound_has_settled_on_its_maximum() -> None:
    """Tables of their own thrown together; no t of a fine grid gives a larger exponent."""
    rng = np.random.default_rng(11)
    tables = [Sizes(np.sort(rng.lognormal(0, 2, n)), np.ones(n)) for n in (40, 300)]
    table = np.arange(40) % 2
    chance = rng.uniform(0.01, 0.2, 40)
    total = np.array([sizes.size.sum() for sizes in tables])[table]
    amount = total * chance * rng.uniform(1.2, 4.0, 40)

    psi = tail_exponent(tables, table, amount, chance)
    for k in range(40):
        v = tables[table[k]].size / tables[table[k]].size[-1]
        t = np.linspace(0.0, 60.0, 6001)[:, None]
        grid = t[:, 0] * amount[k] / tables[table[k]].size[-1]
        grid -= np.log1p(chance[k] * np.expm1(t * v)).sum(axis=1)
        assert psi[k] >= grid.max() * (1 - 1e-9)
        assert psi[k] == pytest.approx(grid.max(), rel=1e-2, abs=1e-2)
    assert (even_exponent(tables, table, amount, chance) >= psi).all()


def test_the_chance_bound_lies_above_the_true_chance() -> None:
    """Two sizes of accounts, thrown 200,000 times: the bound is never below what happens."""
    throw = np.random.default_rng(5)
    small, large = throw.binomial(50, 0.1, 200_000), throw.binomial(4, 0.1, 200_000)
    landed = small + 10.0 * large
    sizes = Sizes(np.array([1.0, 10.0]), np.array([50.0, 4.0]))
    amount = np.array([15.0, 25.0, 35.0])

    table = np.zeros(3, np.int64)
    bound = np.exp(-tail_exponent([sizes], table, amount, np.full(3, 0.1)))
    happened = np.array([(landed >= a).mean() for a in amount])
    assert (bound >= happened).all()
    assert (bound <= 30 * happened).all()


def test_a_segment_longer_than_allowed_is_searched_at_a_higher_level() -> None:
    """A plateau of 3 with a core of 9 over normal 2: only the core is short enough."""
    mass = np.array([0.0] * 5 + [3.0] * 10 + [9.0] * 4 + [3.0] * 10 + [0.0] * 5)
    assert dense_segments(mass, np.full(34, 2.0), 6) == [(15, 19)]
    assert ruzzo_tompa(mass - 2.0) == [(5, 29)]

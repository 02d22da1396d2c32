"""Borrowers as columns: addresses, e-modes, flags, scaled balances."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanner.core import integers
from synthetic.market import RAY, USD, MarketShape

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

MOST_COLLATERAL, MOST_DEBT = 4, 2  # legs
REPAID = 0.15  # of those who ever borrowed owe nothing now
IN_EMODE = 0.3
WIDTH = 256  # legs' keys: user * 256 + reserve's index * 2 + (1 where it is a debt)


@dataclass
class People:
    """Everybody who ever borrowed, sorted by address.

    Attributes
    ----------
    address : uint8 array, shape (n, 20)
    emode : int64 array
        Number of the e-mode; 0 for none.
    flags : uint8 array, shape (n, 32)
        The words of getUserConfiguration.
    key : int64 array, shape (legs,)
        Sorted.
    word : uint8 array, shape (legs, 32)
        The scaled balance of each leg.
    """

    address: U8
    emode: I64
    flags: U8
    key: I64
    word: U8

    def __post_init__(self) -> None:
        self._first = _first(self.address)

    def __len__(self) -> int:
        return len(self.address)

    def find(self, addresses: U8) -> I64:
        """The index of each address, shape (k, 20); -1 for a stranger."""
        return _found(self._first, self.address, addresses)

    def balances(self, user: I64, reserve: I64, debt: Bool) -> U8:
        """Scaled balances as words; zero for strangers (user -1) and where there is no leg."""
        key = user * WIDTH + reserve * 2 + debt
        place = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        found = self.word[place]
        found[(self.key[place] != key) | (user < 0)] = 0
        return found

    def total(self, reserve: int, debt: bool) -> int:
        """The sum of a token's scaled balances."""
        return integers.sum_words(self.word[self.key % WIDTH == reserve * 2 + debt])

    def legs(self, user: I64) -> tuple[I64, I64]:
        """Where each user's legs begin and end."""
        return np.searchsorted(self.key, user * WIDTH), np.searchsorted(
            self.key, (user + 1) * WIDTH
        )


class Directory:
    """Which of a few addresses a row is."""

    def __init__(self, addresses: list[bytes]) -> None:
        rows = np.frombuffer(b"".join(addresses), np.uint8).reshape(-1, 20)
        self._order = np.argsort(_first(rows), kind="stable")
        self._rows = rows[self._order]
        self._keys = _first(self._rows)

    def find(self, addresses: U8) -> I64:
        """The place in the list of each row; -1 for any other address."""
        place = _found(self._keys, self._rows, addresses)
        return np.where(place < 0, -1, self._order[place])


def words_of(numbers: list[int]) -> U8:
    """Integers as big-endian words, shape (n, 32)."""
    text = b"".join(number.to_bytes(32, "big") for number in numbers)
    return np.frombuffer(text, np.uint8).reshape(-1, 32).copy()


def people_of(market: MarketShape, seed: int, count: int, seconds: int) -> People:
    """So many borrowers, rich and poor, most of them healthy `seconds` after the first block."""
    dice = np.random.default_rng([seed, 2])
    address = dice.integers(0, 256, (count, 20), np.uint8)
    address = address[np.argsort(_first(address))]
    size = len(market.reserves)
    threshold = np.array([reserve.threshold for reserve in market.reserves])
    popular = np.log([reserve.popular for reserve in market.reserves])

    category = np.where(dice.random(count) < IN_EMODE, dice.integers(0, 48, count), -1)
    member = np.zeros((len(market.emodes) + 1, size), np.bool_)  # the last row: no e-mode
    for place, mode in enumerate(market.emodes):
        member[place, list(mode.members)] = True

    held = _chosen(dice, popular + np.where(threshold > 0, 0, -np.inf), count, MOST_COLLATERAL)
    inside = np.flatnonzero(category >= 0)
    first = np.array([mode.members[0] for mode in market.emodes])
    swap = (held == first[category][:, None]) & (category >= 0)[:, None]
    held[swap] = np.broadcast_to(held[:, :1], held.shape)[swap]  # nothing twice
    held[inside, 0] = first[category[inside]]
    owed = _chosen(dice, popular, count, MOST_DEBT)
    legs = 1 + dice.binomial(MOST_COLLATERAL - 1, 0.25, count)
    debts = (1 + (dice.random(count) < 0.2)) * (dice.random(count) >= REPAID)

    dollars = np.clip(dice.lognormal(8.5, 2.0, count), 5, 3e8)
    has = np.arange(MOST_COLLATERAL) < legs[:, None]
    worth = dollars[:, None] * _shares(dice, has)
    counted = threshold[held].astype(np.float64)
    strict = member[category[:, None], held]
    modes = np.array([*(mode.threshold for mode in market.emodes), 0])
    counted = np.where(strict, modes[category][:, None], counted) / 10_000
    use = np.where(dice.random(count) < 0.003, dice.uniform(1, 1.03, count), dice.beta(2, 2, count))
    owes = np.arange(MOST_DEBT) < debts[:, None]
    debt = ((worth * counted).sum(axis=1) * np.clip(use, 0.02, 1.03))[:, None] * _shares(dice, owes)

    user = np.repeat(np.arange(count), MOST_COLLATERAL + MOST_DEBT)
    reserve = np.concatenate([held, owed], axis=1).ravel()
    is_debt = np.broadcast_to(np.arange(6) >= MOST_COLLATERAL, (count, 6)).ravel()
    keep = np.concatenate([has, owes], axis=1).ravel()
    value = np.concatenate([worth, debt], axis=1).ravel()[keep]
    user, reserve, is_debt = user[keep], reserve[keep], is_debt[keep]
    key = user * WIDTH + reserve * 2 + is_debt
    order = np.argsort(key)
    word = words_of(scaled(market, reserve, is_debt, value, seconds))
    numbers = np.array([mode.number for mode in market.emodes] + [0])
    flags = _flags(market, count, user, reserve, is_debt)
    return People(address, numbers[category], flags, key[order], word[order])


def scaled(market: MarketShape, reserve: I64, debt: Bool, dollars: F64, seconds: int) -> list[int]:
    """Scaled balances worth so many dollars, at least 1."""
    rate = np.zeros((len(market.reserves), 2))
    for place, one in enumerate(market.reserves):
        for kind, index in enumerate(one.indices(seconds)):
            rate[place, kind] = 10.0**one.decimals / (one.price / USD) / (index / RAY)
    amounts = dollars * rate[reserve, debt.astype(np.int64)]
    return [max(1, int(amount)) for amount in amounts.tolist()]


def _chosen(dice: np.random.Generator, popular: F64, count: int, most: int) -> I64:
    """`most` different reserves for each of `count`, the popular ones more often."""
    luck = dice.gumbel(size=(count, len(popular))) + popular
    best = np.argpartition(-luck, most, axis=1)[:, :most]
    order = np.argsort(-np.take_along_axis(luck, best, axis=1), axis=1)
    return np.take_along_axis(best, order, axis=1)


def _shares(dice: np.random.Generator, has: Bool) -> F64:
    part = np.where(has, dice.exponential(size=has.shape) + 0.01, 0)
    return np.asarray(part / np.maximum(part.sum(axis=1), 1e-9)[:, None])


def _flags(market: MarketShape, count: int, user: I64, reserve: I64, debt: Bool) -> U8:
    numbers = np.array([reserve.number for reserve in market.reserves])
    bits = np.zeros((count, 256), np.bool_)
    bits[user, 255 - (2 * numbers[reserve] + ~debt)] = True
    return np.packbits(bits, axis=1)


def _first(rows: U8) -> npt.NDArray[np.uint64]:
    """The first eight bytes of each row: enough to sort and find random addresses."""
    return np.ascontiguousarray(rows[:, :8]).view(">u8").ravel().astype(np.uint64)


def _found(keys: npt.NDArray[np.uint64], rows: U8, wanted: U8) -> I64:
    place = np.minimum(np.searchsorted(keys, _first(wanted)), len(keys) - 1)
    same = (rows[place] == wanted).all(axis=1)
    return np.where(same, place, -1).astype(np.int64)

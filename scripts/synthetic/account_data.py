"""`getUserAccountData`, by the scanner's own integers: it costs what it costs, and proves nothing.

Exact for accounts with debt but for `availableBorrowsBase` (0) and `ltv` (the threshold), which the
scanner does not read; zeros and an endless health factor for all others.
"""

import numpy as np
import numpy.typing as npt

from scanner.core.states import States
from scanner.protocols._aave_book import CONFIG, EMODE, FIRST, KINDS, book_of
from scanner.protocols._aave_market import AaveMarket, EModes, Reserves
from scanner.protocols._aave_rules import MAX_HEALTH, health_factors, rules_of
from synthetic.market import REVISION
from synthetic.people import U8, WIDTH, words_of
from synthetic.world import World

I64 = npt.NDArray[np.int64]


def words_for(world: World, who: I64, block: int) -> U8:
    """The six words of each user (index, -1 for a stranger), shape (n, 6, 32)."""
    words = np.zeros((len(who), 6, 32), np.uint8)
    words[:, 5] = words_of([MAX_HEALTH])
    users, place = np.unique(who[who >= 0], return_inverse=True)
    if not len(users):
        return words
    book = book_of(_market(world, block), _states(world, users))
    totals = book.totals()
    average = totals.weighted.quotient(totals.collateral)
    health = health_factors(book.rules, totals)
    table = np.zeros((len(users), 6, 32), np.uint8)
    table[:, 5] = words_of([MAX_HEALTH])
    rows = np.searchsorted(users, world.people.find(book.accounts))
    columns = (totals.collateral, totals.debt, None, average, average, health)
    for column, numbers in enumerate(columns):
        if numbers is not None:
            table[rows, column] = words_of([int(number) for number in numbers])
    words[who >= 0] = table[place]
    return words


def _states(world: World, users: I64) -> States:
    """What the scanner would have stored of these users."""
    people = world.people
    begin, end = people.legs(users)
    count = end - begin
    owner = np.repeat(np.arange(len(users)), count)
    leg = np.arange(len(owner)) + np.repeat(begin - (np.cumsum(count) - count), count)
    numbers = np.array([reserve.number for reserve in world.market.reserves])
    inside = people.key[leg] % WIDTH
    slot = FIRST + KINDS * numbers[inside // 2] + inside % 2
    emode = np.zeros((len(users), 32), np.uint8)
    emode[:, 31] = people.emode[users]
    each = np.arange(len(users))
    owner = np.concatenate([each, each, owner])
    slot = np.concatenate([np.full(len(users), CONFIG), np.full(len(users), EMODE), slot])
    value = np.concatenate([people.flags[users], emode, people.word[leg]])
    order = np.lexsort((slot, owner))
    return States(people.address[users], count + 2, slot[order], value[order])


def _market(world: World, block: int) -> AaveMarket:
    """The market as the scanner would have read it; what no health factor needs is left out."""
    listed, modes = world.market.reserves, world.market.emodes
    size, nothing = len(listed), [bytes(20)] * len(listed)
    zero = np.zeros(size, np.int64)
    indices = [one.indices(world.age(block)) for one in listed]
    reserves = Reserves(
        number=np.array([one.number for one in listed]),
        address=[one.address for one in listed],
        symbol=[one.symbol for one in listed],
        source=nothing,
        unit=10 ** np.array([one.decimals for one in listed]),
        price=np.array([one.price for one in listed]),
        threshold=np.array([one.threshold for one in listed]),
        bonus=np.array([one.bonus for one in listed]),
        fee=zero,
        category=zero,
        barred=np.zeros(size, np.uint8),
        income=[income for income, _ in indices],
        debt_index=[index for _, index in indices],
        collateral_token=nothing,
        debt_token=nothing,
        stable_token=nothing,
        debt_total=[0] * size,
        stable_total=[0] * size,
    )
    member = np.zeros((len(modes), size), np.bool_)
    for row, mode in enumerate(modes):
        member[row, list(mode.members)] = True
    emodes = EModes(
        np.array([mode.number for mode in modes]),
        np.array([mode.threshold for mode in modes]),
        np.array([mode.bonus for mode in modes]),
        member,
    )
    rules, pool, time = rules_of(REVISION), world.market.pool, world.time(block)
    return AaveMarket(
        protocol="aave_v3",
        name="synthetic",
        chain_id=world.shape.chain_id,
        pool=pool,
        revision=REVISION,
        rules=rules,
        oracle=world.market.oracle,
        timestamp=time,
        reserves=reserves,
        emodes=emodes,
        following=(),
        problems=(),
    )

"""Why a position that is liquidatable, or would be at its p*, cannot be called: a closed list.

Liquidatable is not callable: a pause, a stopped auction or a dust rule stands between the two.
Adapters give small codes (places in `REASONS`) as columns; only the rim turns them into words.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

REASONS: Final = (
    "",  # callable
    "no_liquidation_price",
    "no_collateral",
    "inactive",
    "paused",
    "grace_period",
    "sentinel",
    "leftover_dust",
    "too_small",
    "seize_paused",
    "liquidation_paused",
    "auction_stopped",
    "hole_full",
)
"""What `not_callable_reason` may say. Codes are places in this list: append, never reorder."""

(
    CALLABLE,
    NO_PRICE,
    NO_COLLATERAL,
    INACTIVE,
    PAUSED,
    GRACE,
    SENTINEL,
    LEFTOVER,
    TOO_SMALL,
    SEIZE_PAUSED,
    LIQUIDATION_PAUSED,
    STOPPED,
    HOLE_FULL,
) = range(len(REASONS))

_WORDS = np.array(REASONS, dtype=object)


def words(codes: U8) -> npt.NDArray[np.object_]:
    """The words of codes, equal shapes.

    >>> words(np.array([0, 4], np.uint8)).tolist()
    ['', 'paused']
    """
    found: npt.NDArray[np.object_] = _WORDS[codes]
    return found


def codes(words: npt.NDArray[np.object_]) -> U8:
    """The codes of words, equal shapes; raises KeyError for a word that is no reason.

    >>> codes(np.array(["", "paused"], object)).tolist()
    [0, 4]
    """
    known, place = np.unique(words.astype(str), return_inverse=True)
    code = {word: number for number, word in enumerate(REASONS)}
    return np.array([code[word] for word in known.tolist()], np.uint8)[place]


def first_of(*rules: tuple[Bool, int]) -> U8:
    """Codes by the first rule that bars, in the order given; 0 where none does. Equal shapes.

    >>> first_of((np.array([True, False]), PAUSED), (np.array([True, True]), TOO_SMALL)).tolist()
    [4, 8]
    """
    codes = np.zeros(np.shape(rules[0][0]), np.uint8)
    for barred, code in reversed(rules):
        codes[barred] = code
    return codes


def best(owner: I64, value: F64, codes: U8) -> tuple[I64, I64]:
    """Of each owner's pairs the callable one of most value, else the pair of most value.

    Parameters
    ----------
    owner, value, codes : arrays of equal length
        A pair's owner, worth and code.

    Returns
    -------
    (owners, rows)
        Those that have any pair, ascending, and the chosen row of each.
    """
    order = np.lexsort((-value, codes != CALLABLE, owner))
    found, first = np.unique(owner[order], return_index=True)
    return found.astype(np.int64), order[first]

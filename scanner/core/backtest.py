"""What became of a range's members: their collateral at risk, split without rest. Pure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

OUTCOMES = ("liquidated", "left", "repaid", "still_there", "not_reached", "unknown")


@dataclass(frozen=True)
class Members:
    """A range's members as columns.

    Attributes
    ----------
    at_risk : float64[n]
        Collateral at risk in the scan that listed the range. [USD, whole cents]
    seized : float64[n]
        The share of it that liquidations took since; NaN where there were some and nobody can say
        how much; 0 without any.
    called : bool[n]
        Whether there was any liquidation since.
    reached : bool[n]
        Whether the price has been at the member's liquidation price since, as far as it was seen.
    listed : bool[n]
        Whether the later scan still has it at risk there, or liquidatable.
    known : bool[n]
        Whether its liquidations since were all read, and the later scan can be asked.
    """

    at_risk: F64
    seized: F64
    called: Bool
    reached: Bool
    listed: Bool
    known: Bool


def outcome(held: Members) -> dict[str, float]:
    """The dollars of each of OUTCOMES; they add up to the whole to the cent. [USD]

    liquidated   what liquidations took, at the price at which it was listed
    left         what they left of the collateral of those they were about
    repaid       of members that were not liquidated and that the later scan does not have at risk
                 there any more: debt repaid, collateral added, withdrawn or moved
    still_there  of members that nobody liquidated and that the later scan still has at risk there
    not_reached  of members whose price was not reached
    unknown      of members of which that cannot be said
    """
    whole = np.rint(held.at_risk * 100).astype(np.int64)
    sure = ~np.isnan(held.seized)
    taken = np.zeros(len(whole), np.int64)
    called = held.called & sure
    taken[called] = np.rint(whole[called] * np.clip(held.seized[called], 0, 1)).astype(np.int64)
    rest = whole - taken
    open_ = ~held.called
    # Who is still there may have been liquidated in part: that is known only where it was read.
    lost = open_ & held.reached & ~held.known
    parts = {
        "liquidated": taken[called],
        "left": rest[called],
        "still_there": whole[open_ & held.reached & held.listed & held.known],
        "not_reached": whole[open_ & ~held.reached],
        "repaid": whole[open_ & held.reached & ~held.listed & held.known],
        "unknown": whole[(held.called & ~sure) | lost],
    }
    return {name: int(parts[name].sum()) / 100 for name in OUTCOMES}

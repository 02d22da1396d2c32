"""What we did, written down when we did it: the truth that a scan is compared with.

Never read back from the chain's logs, which is what a scanner does.
"""

import copy
from dataclasses import dataclass, field

from localchain.whales import Whale


@dataclass
class Ledger:
    """Accounts are lower-case hex addresses."""

    borrowers_ever: set[str] = field(default_factory=set)
    labels: dict[str, str] = field(default_factory=dict)  # special case to account
    profiles: dict[str, str] = field(default_factory=dict)  # random account to its profile
    wallets: list[str] = field(default_factory=list)  # random accounts, crowd; as they were made
    whales: list[Whale] = field(default_factory=list)

    def copy(self) -> "Ledger":
        """A copy that later entries do not change."""
        return copy.deepcopy(self)

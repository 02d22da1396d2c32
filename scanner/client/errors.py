"""What can go wrong while somebody else's answers are read.

    BandscanError
    └── ServiceError       the server, or the site, gave no answer that can be used
        ├── Unreachable    nobody there, or not in time
        ├── Refused        the server says no: `status`, `code`, `problem`
        │   └── Incomplete there is no complete scan yet: `reasons`
        └── Replaced       a newer scan came while pages of an older one were read

A store that is read directly raises UsageError and StoreError, as the command line does.
"""

from collections.abc import Mapping
from typing import Any

from scanner.errors import BandscanError


class ServiceError(BandscanError):
    """A server or a site that gives no answer that can be used."""


class Unreachable(ServiceError):
    """Nobody there, or not in time."""


class Refused(ServiceError):
    """A problem instead of an answer.

    Attributes
    ----------
    status : int
        The HTTP status.
    code : str
        The problem's word, such as "unknown_driver".
    problem : dict
        All the server said.
    retry_after : float or None
        When it wants to be asked again. [s]
    """

    def __init__(
        self, status: int, problem: Mapping[str, Any], retry_after: float | None = None
    ) -> None:
        self.status = status
        self.code = str(problem.get("type", "")).rpartition(":")[2]
        self.problem = dict(problem)
        self.retry_after = retry_after
        detail = problem.get("detail") or problem.get("title") or "It gave no reason."
        super().__init__(f"The server refuses: {detail}", status=status)


class Incomplete(Refused):
    """There is no complete scan; with `incomplete=True` the incomplete one is read."""

    @property
    def reasons(self) -> list[str]:
        """What is missing."""
        return [str(one) for one in self.problem.get("reasons", [])]


class Replaced(ServiceError):
    """Pages of two scans do not fit together: read them again from the first."""

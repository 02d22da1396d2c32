"""Who watches a scan: progress bars, or nobody."""

from typing import Protocol


class Watch(Protocol):
    """Told what a scan is doing. `outputs/progress.py` draws it; `SILENT` does not."""

    def step(self, name: str, total: int | None) -> None:
        """A new step begins."""

    def advance(self, done: int) -> None:
        """So much of the step is done."""

    def say(self, message: str) -> None:
        """One line worth telling."""


class _Silent:
    def step(self, name: str, total: int | None) -> None: ...
    def advance(self, done: int) -> None: ...
    def say(self, message: str) -> None: ...


SILENT: Watch = _Silent()

"""Progress on stderr: bars where somebody is looking, nothing where nobody is."""

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from scanner.outputs.screen import Screen
from scanner.outputs.words import one_line


class Bars:
    """A `Watch` of scanner.scan; a context manager, since bars must leave the terminal clean.

    Parameters
    ----------
    quiet : bool
        Say nothing at all.
    redact : callable
        Every message passes through it before it is shown.
    """

    def __init__(self, *, quiet: bool, redact: Callable[[str], str]) -> None:
        self._quiet = quiet
        self._redact = redact
        self._screen = Screen(sys.stderr)
        self._task: TaskID | None = None
        self._total: int | None = None
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[done]}", justify="right"),
            TimeElapsedColumn(),
            console=self._screen,
            transient=True,
            # isatty and not rich's own guess: FORCE_COLOR is about colour, not about bars
            disable=quiet or sys.stderr is None or not sys.stderr.isatty(),
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def step(self, name: str, total: int | None) -> None:
        """A new step begins; the one before it is over. `total` None: nobody knows how long."""
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._total = total
        self._task = self._bars.add_task(one_line(self._redact(name)), total=total, done="")

    def advance(self, done: int) -> None:
        """So much of this step is done, counted from its beginning."""
        if self._task is not None:
            shown = f"{done:,}" if self._total is None else f"{done:,} of {self._total:,}"
            self._bars.update(self._task, completed=done, done=shown)

    def say(self, message: str) -> None:
        """One line worth telling, above the bars."""
        if not self._quiet:
            self._screen.print(one_line(self._redact(message)), soft_wrap=True)

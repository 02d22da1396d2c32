"""The terminal: its width, its encoding, and tables that shrink until they fit."""

import codecs
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_PIPE_WIDTH = 160  # where nobody said how wide: pipes, files, tests
_LEAST_WIDTH = 40
_GAP = 3

# One character for one, so that columns stay straight.
_ASCII = {"…": "~", "·": "-", "≥": ">", "×": "x", "█": "#", "▌": "#", "–": "-", "−": "-", "’": "'"}


def plain_characters(error: UnicodeError) -> tuple[str, int]:
    """What to print instead of characters that the terminal's encoding does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_ASCII.get(character, "?") for character in missing), error.end


codecs.register_error("bandscan", plain_characters)


class Screen(Console):
    """A console that reads no markup in what it prints and survives any stream it is given."""

    def __init__(self, file: IO[str] | None) -> None:
        # `errors` decides what becomes of characters the encoding lacks; never a crash
        if file is not None and hasattr(file, "reconfigure"):
            file.reconfigure(errors="bandscan")
        super().__init__(file=file, markup=False, emoji=False, highlight=False)
        if not self.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
            self.width = _PIPE_WIDTH
        self.width = max(self.width, _LEAST_WIDTH)

    def on_broken_pipe(self) -> None:
        """Let the command end as it would have: its exit code is about the scan."""
        raise BrokenPipeError


@dataclass(frozen=True)
class Column:
    """A column of a table; the one with the highest `rank` leaves first, rank 0 never."""

    head: str
    cells: Sequence[str | Text]
    right: bool = True
    rank: int = 0


def show_table(screen: Screen, columns: Sequence[Column], *, wide: bool = False) -> None:
    """Print a table as wide as the screen lets it be, and name the columns that were left out.

    `wide`: all columns whatever the screen's width.
    """
    kept = list(columns)
    table = _table(kept)
    while not wide and _width(screen, table) > screen.width and any(c.rank for c in kept):
        kept.remove(max(kept, key=lambda column: column.rank))
        table = _table(kept)
    width = screen.width
    if wide:
        screen.width = max(width, _width(screen, table))
    screen.print(table)
    screen.width = width
    left_out = [column.head for column in columns if column not in kept]
    if left_out:
        names = ", ".join(dict.fromkeys(left_out))
        note = f"left out to fit {width} columns: {names} (--wide shows all)"
        screen.print(Text(note, "dim"))


def flow(
    screen: Screen, rows: Sequence[Sequence[Text | str]], *, indent: int, gap: int = _GAP
) -> None:
    """Print rows of phrases, aligned below each other, each folded between phrases if it must."""
    widths = [max(cell_len(str(part)) for part in column) for column in zip(*rows, strict=True)]
    for row in rows:
        line = Text(" " * indent)
        column = indent
        for part, width in zip(row, widths, strict=True):
            text = part if isinstance(part, Text) else Text(part)
            if not text.plain:
                continue
            if line.plain.strip() and column + text.cell_len > screen.width:
                screen.print(_ended(line))
                line, column = Text(" " * (indent + 2)), indent + 2
            line.append_text(text)
            line.append(" " * (width - text.cell_len + gap))
            column += width + gap
        screen.print(_ended(line))


def _ended(line: Text) -> Text:
    line.rstrip()
    return line


def _table(columns: Sequence[Column]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            Text(column.head), justify="right" if column.right else "left", no_wrap=True
        )
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*row)
    return table


def _width(screen: Screen, table: Table) -> int:
    options: Any = screen.options.update(width=100_000)
    return screen.measure(table, options=options).maximum

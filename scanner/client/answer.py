"""Answers as Python has them: dicts that can become a table, and positions that come in pages."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# The list that each answer is about; the first that it has becomes its table.
_ROWS = (
    "liquidations",
    "bands",
    "ticks",
    "levels",
    "positions",
    "drivers",
    "scans",
    "certificate",
    "proof",
    "tokens",
    "chains",
)


class Answer(dict[str, Any]):
    """One answer, with the keys of the JSON.

    >>> answer = Answer(driver="ETH", bands=[{"low_usd": 1781.09}, {"low_usd": 2590.0}])
    >>> answer["bands"][0]["low_usd"], len(answer.rows)
    (1781.09, 2)
    """

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The list that the answer is about: its bands, ticks, drivers ..."""
        return next((self[key] for key in _ROWS if isinstance(self.get(key), list)), [])

    def frame(self) -> "pd.DataFrame":
        """The rows as a table; what is nested stays in its cell."""
        import pandas as pd

        return pd.DataFrame(self.rows)


class Positions:
    """All positions that were asked for; read page by page while they are gone through.

    Attributes
    ----------
    first : Answer
        The answer with the first page: scan, driver, `matching`, `already_liquidatable`.
    """

    def __init__(self, pages: Callable[[], Iterator[Answer]]) -> None:
        self._pages = pages
        self._begun: Iterator[Answer] | None = pages()
        self.first = next(self._begun)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rows. Raises Replaced where a newer scan comes in between."""
        rest, self._begun = self._begun, None
        if rest is None:  # gone through a second time
            for page in self._pages():
                yield from page["positions"]
            return
        yield from self.first["positions"]
        for page in rest:
            yield from page["positions"]

    def __len__(self) -> int:
        """How many there are on all pages together."""
        return int(self.first["matching"])

    def frame(self) -> "pd.DataFrame":
        """All of them as a table."""
        import pandas as pd

        return pd.DataFrame(list(self))

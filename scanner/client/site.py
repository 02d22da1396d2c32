"""Answers from a published report: the documents under v1/, without filters."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scanner.client.answer import Answer
from scanner.client.errors import Refused, ServiceError
from scanner.client.network import Http, decoded
from scanner.core.weighted import named
from scanner.errors import UsageError

_OF_THE_SITE = ("liquidations", "drivers", "certificate", "proof", "scans")


class SiteSource:
    """A site at a web address, or as a folder on this machine."""

    def __init__(self, place: str, timeout: float) -> None:
        self._http = Http(place, None, timeout) if "://" in place else None
        self._folder = Path(place)

    def answer(self, name: str, filters: dict[str, Any]) -> Answer:
        """The document, whole: `filters` may name a driver and nothing else."""
        given = dict(filters)
        driver = given.pop("driver", None)
        given = {key: value for key, value in given.items() if value not in ((), None)}
        if given or name in ("account", "status", "backtest"):
            what = ", ".join(given) or name
            raise UsageError(
                f"A site has no answer to that: {what}.",
                fix="filters, accounts and all that is no scan are the server's: connect() to one",
            )
        if name in _OF_THE_SITE or (name == "history" and driver is None):
            return self._document(f"/v1/{name}.json")
        if driver is None:
            raise UsageError("A site has one document for each driver.", fix="name a driver")
        return self._document(f"/{self._folder_of(driver)}{name}.json")

    def pages(self, filters: dict[str, Any]) -> Iterator[Answer]:
        """One page: the nearest positions; the site's Parquet has all of them."""
        given = dict(filters)
        if given.pop("sort", "distance") != "distance":
            raise UsageError("A site's positions are sorted by distance.")
        yield self.answer("positions", given)

    def _folder_of(self, driver: str) -> str:
        rows = self._document("/v1/index.json")["drivers"]
        for row in rows:
            if row["driver"].casefold() == named(driver).casefold():
                return str(row["documents"])
        names = ", ".join(row["driver"] for row in rows)
        raise UsageError("The site has no such driver.", drivers=names)

    def _document(self, path: str) -> Answer:
        if self._http is not None:
            try:
                return decoded(self._http.get(path)[0])
            except Refused as error:
                raise ServiceError(
                    f"The site has no {path}: it answered with {error.status}.",
                    fix="give the address of the report's first page",
                ) from error
        try:
            return decoded((self._folder / path.lstrip("/")).read_bytes())
        except OSError as error:
            raise ServiceError(
                f"The site cannot be read: {error.strerror}.",
                file=self._folder / path.lstrip("/"),
                fix="name the folder that `bandscan report --out` wrote",
            ) from error

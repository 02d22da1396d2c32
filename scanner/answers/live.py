"""What a watch tells: the changes of ranges since each was last told."""

from collections.abc import Mapping, Sequence
from typing import Any

from scanner.answers.chronicle import short
from scanner.core.changes import changes
from scanner.reading import SCHEMA

Answer = dict[str, Any]
Row = Mapping[str, Any]


class Told:
    """The ranges of each driver as they were when they were last told.

    A range is compared with what was last told of it, and not with the scan before: one that
    drifts by a little in every block is told once the way it came is a change.
    """

    def __init__(self) -> None:
        self._known: dict[str, list[tuple[Row, Row]]] = {}  # ranges, and the block each is of

    def begin(self, ranges: Mapping[str, Sequence[Row]], block: Row) -> None:
        """Take the ranges of a complete scan, by driver, for told."""
        self._known = {name: [(band, block) for band in rows] for name, rows in ranges.items()}

    def changes(self, document: Row) -> list[Answer]:
        """What became of the ranges, by driver, long before short, the largest first.

        Nothing is concluded from an incomplete scan, nor of a driver that was never seen before.
        """
        if not document["complete"]:
            return []
        block = document["block"]
        found: list[Answer] = []
        for driver in document["drivers"]:
            name = driver["driver"]
            after = [band for band in document["bands"] if band["driver"] == name]
            before = self._known.get(name)
            if before is None:
                self._known[name] = [(band, block) for band in after]
                continue
            since = {id(band): of for band, of in before}
            self._known[name] = []
            for step in changes([band for band, _ in before], after):
                old, new = step["before"], step["after"]
                if step["change"] == "same":
                    self._known[name].append((old, since[id(old)]))
                    continue
                if new is not None:
                    self._known[name].append((new, block))
                found.append(
                    {
                        "schema": SCHEMA,
                        "chain_id": document["chain_id"],
                        "block": block,
                        "driver": name,
                        "spot_usd": driver["spot_usd"],
                        **step,
                        "since": since.get(id(old)),
                        "before": _told(old),
                        "after": _told(new),
                    }
                )
        return found


def _told(band: Row | None) -> Answer | None:
    if band is None:
        return None
    return {**(short(band) or {}), "large_accounts": band.get("large_accounts")}

"""What a proof of prices says in words and sums, for the terminal and the report."""

from collections.abc import Mapping, Sequence
from typing import Any

from scanner.outputs import words

Row = Mapping[str, Any]
COUNTS = ("positions", "proven", "off", "cannot")


def sentence(answer: Row) -> str:
    """How much is proven, in one line."""
    block = f"{answer['block']['number']:,}"
    if answer["verified"] is None:
        return "No price was put to the protocols: run `bandscan verify`."
    if answer["verified"] == "parity":
        return f"No price could be put to the protocols, health factors only: {answer['reason']}."
    if not answer["positions"] and not answer["dust"]["positions"]:
        return f"At block {block} no position has a liquidation price to prove."
    return (
        f"{answer['proven']:,} of {words.count(answer['positions'], 'liquidation price')} proven by"
        f" the protocol itself under override at block {block}"
    )


def summed(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows of a proof, markets of one protocol added up."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["protocol"], row["driver"])):
        into = found.setdefault(
            (row["protocol"], row["driver"]),
            {
                "protocol": row["protocol"],
                "driver": row["driver"],
                **dict.fromkeys(COUNTS, 0),
                "dust": dict.fromkeys(COUNTS, 0),
            },
        )
        for key in COUNTS:
            into[key] += row[key]
            into["dust"][key] += row["dust"][key]
    return list(found.values())

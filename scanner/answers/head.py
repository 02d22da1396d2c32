"""What every answer about one scan starts with."""

from typing import Any

from scanner.outputs.document import certificate_summary
from scanner.reading import Stored


def head(stored: Stored) -> dict[str, Any]:
    """Which scan it is, and what that scan is worth."""
    document = stored.document
    grouped = stored.grouping
    return {
        "schema": document["schema"],
        "chain_id": document["chain_id"],
        "scan_id": stored.scan_id,
        "block": document["block"],
        "complete": document["complete"],
        "certificate_summary": certificate_summary(document),
        **({} if grouped is None else {"grouping": dict(grouped)}),
    }

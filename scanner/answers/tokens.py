"""What each token of a scan follows, by how much, and who says so."""

from typing import TYPE_CHECKING, Any

from scanner.answers.head import head

if TYPE_CHECKING:
    from scanner.reading import Stored


def tokens(stored: "Stored") -> dict[str, Any]:
    """Every token of the scan with its driver, sensitivity, source and the feeds that were seen to
    move it (`roots`, empty in scans from before the probe)."""
    rows = stored.document["tokens"]
    return {**head(stored), "tokens": [{"roots": [], **row} for row in rows]}

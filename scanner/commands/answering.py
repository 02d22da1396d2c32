"""What the commands that read stored scans share: the scan, and handing over what was found."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from scanner import reading
from scanner.commands import COMPLETE, INCOMPLETE
from scanner.outputs.streams import complain, print_bytes, printing

if TYPE_CHECKING:
    from scanner.outputs.screen import Screen
    from scanner.reading import Stored

_STALE = 6 * 3600  # seconds after which a stored scan is called old


def newest(given: Mapping[str, Any]) -> "Stored":
    """The scan to read, with a word on stderr where it is not what one would expect."""
    groups = None
    if given.get("group") is not None:
        from scanner import grouping

        groups = grouping.read(given["group"])
    stored = reading.newest(given["store"], given["chain"])
    if groups is not None:
        stored = grouping.applied(stored, groups)
    block = stored.document["block"]
    if not stored.document["complete"]:
        complain("There is no complete scan yet; this one is incomplete.", "warning: ")
    if stored.newer is not None:
        what = f"There is a newer but incomplete scan, of block {stored.newer:,}"
        if stored.newer == block["number"]:
            what = "There is a later but incomplete scan of the same block"
        complain(
            f"{what}; this is the newest complete one, of block {block['number']:,}.", "note: "
        )
    hours = (time.time() - block["timestamp"]) / 3600
    if hours * 3600 > _STALE:
        age = f"{hours:,.0f} hours" if hours < 72 else f"{hours / 24:,.0f} days"
        complain(f"This scan is {age} old; prices and positions have moved since.", "note: ")
    return stored


def tell(
    stored: "Stored",
    given: Mapping[str, Any],
    show: Callable[["Screen"], None],
    answer: Mapping[str, Any],
) -> int:
    """Print or write what was found in one scan, below a line that says which scan it is."""
    document = stored.document

    def shown(screen: "Screen") -> None:
        from scanner.outputs.summary import show_headline

        show_headline(screen, document, chain_name(document))
        if stored.grouping is not None:
            from scanner.outputs.grouped import show_grouping

            show_grouping(screen, stored.grouping)
        show(screen)

    return tell_several(given, shown, answer, complete=document["complete"])


def tell_several(
    given: Mapping[str, Any],
    show: Callable[["Screen"], None],
    answer: Mapping[str, Any],
    *,
    complete: bool,
) -> int:
    """Print or write what was found in several scans; `complete` decides the exit code."""
    from scanner.outputs.document import encode

    target = given["json_to"]
    if target is None:
        from scanner.outputs.screen import Screen

        with printing():
            show(Screen(sys.stdout))
    elif str(target) == "-":
        print_bytes(encode(answer))
    else:
        from scanner.outputs.files import write

        write(target, encode(answer))
    return COMPLETE if complete else INCOMPLETE


def chain_name(document: Mapping[str, Any]) -> str:
    """The chain's name, as a heading shows it."""
    from scanner.deployments import chain_info

    name = chain_info(document["chain_id"]).name
    return name[:1].upper() + name[1:]

"""`bandscan report`: the newest complete scan as a folder of static pages."""

from pathlib import Path
from typing import Any

import click

from scanner import arguments, options
from scanner.commands import COMPLETE, INCOMPLETE
from scanner.errors import UsageError
from scanner.outputs.streams import complain

_ODD = frozenset(' "<>\\^`{|}')  # no address has them as they are
EXAMPLES = """\b
Examples:
  bandscan report --out site
  bandscan report --out site --chain ethereum --site-url https://bands.example.org/
"""


def _site_url(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    """An absolute address that ends in a slash; it is printed into the pages, so no user in it."""
    from urllib.parse import urlsplit

    if not value:
        return ""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        odd = "@" in parts.netloc or _ODD & set(value) or not value.isprintable()
        usable = usable and not (odd or parts.query or parts.fragment)
    except ValueError:
        usable = False
    if not usable:
        raise click.BadParameter(
            "give the site's http:// or https:// address, without user, ? and #", ctx, param
        )
    return value.rstrip("/") + "/"


@click.command(short_help="Write the newest scan as static pages.", epilog=EXAMPLES)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    required=True,
    help="The folder of the site: new, empty, or a site written before, which is replaced whole.",
)
@options.store
@options.chain("Which chain; needed only where the store holds several.")
@click.option(
    "--history",
    "days",
    type=arguments.Positive("DAYS"),
    default=30.0,
    show_default=True,
    help="How far the maps and the feed look back.",
)
@click.option(
    "--site-url",
    metavar="URL",
    callback=_site_url,
    help="Where the site will be; needed only for pictures in shared links.",
)
@click.option(
    "--stale",
    type=arguments.Positive("HOURS"),
    default=6.0,
    show_default=True,
    help="After so many hours a page says that it is old.",
)
@click.option(
    "--scan-exit",
    type=click.IntRange(0, 255),
    default=0,
    metavar="CODE",
    help="How the scan before this build ended; any code but 0 is said on every page.",
)
def report(**given: Any) -> int:
    """Write the newest complete scan as static pages, with the API's documents beside them.

    The pages ask nobody for anything: they work from a disk and under any address. Where there is
    no complete scan yet, the incomplete one is shown as what it is, and the exit code is 3.
    """
    try:
        from scanner.reporting import report as reports
    except ImportError:
        raise UsageError(
            "`bandscan report` needs Jinja and Pillow, which are not installed.",
            fix='pip install "bandscan[report]"',
        ) from None
    built = reports.build(reports.Asked(**given))
    for message in built.skipped:
        complain(f"A stored scan was left out of the history: {message}", "warning: ")
    block = built.stored.document["block"]["number"]
    complete = bool(built.stored.document["complete"])
    worth = "complete" if complete else "INCOMPLETE"
    click.echo(f"block {block:,}, {worth}: {len(built.pages)} pages in {given['out']}")
    for page in built.pages:
        click.echo(f"  {page.path:<24} {page.size / 1000:>6.0f} KB")
    return COMPLETE if complete else INCOMPLETE

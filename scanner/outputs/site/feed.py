"""Atom: one entry per band that was born, grew by a quarter, moved or dissolved.

Ids and times come from the scans, so the same store gives the same bytes, and a reader sees each
change once.
"""

from uuid import NAMESPACE_URL, uuid5

from scanner.outputs.site import figures, sentences
from scanner.outputs.site.model import Change, Site
from scanner.outputs.site.pages import environment
from scanner.outputs.words import symbol

ENTRIES = 60
TOLD = frozenset({"born", "grew", "moved", "dissolved"})


def feed(site: Site) -> bytes:
    """The feed, the newest entry first."""
    scan = site.scan
    chain_id = scan.document["chain_id"]
    entries = [
        {
            "id": _id(
                f"{chain_id}/{one.driver}/{one.scan_id}/{one.row['track']}/{one.row['change']}"
            ),
            "title": f"{symbol(one.driver)}: {sentences.changed(one)}",
            "updated": figures.iso(one.timestamp),
            "link": f"{scan.site_url}{one.slug}/index.html#bands" if one.slug else _home(site),
            "summary": _summary(one),
        }
        for one in site.changes[:ENTRIES]
    ]
    text = (
        environment()
        .get_template("feed.xml")
        .render(
            id=_id(f"{chain_id}/feed"),
            title=f"bandscan: liquidation bands on {scan.chain}",
            updated=figures.iso(scan.timestamp),
            home=_home(site),
            own=f"{scan.site_url}feed.xml",
            entries=entries,
        )
    )
    return text.encode()


def _home(site: Site) -> str:
    return f"{site.scan.site_url}index.html"


def _id(name: str) -> str:
    return f"urn:uuid:{uuid5(NAMESPACE_URL, f'bandscan:{name}')}"


def _summary(change: Change) -> str:
    row = change.row["after"] or change.row["before"]
    accounts = f"{row['accounts']:,} account{'s' * (row['accounts'] != 1)}"
    return (
        f"{figures.usd(row['collateral_at_risk_usd'])} of collateral at risk in {accounts}, the"
        f" largest with {figures.share(row['top_account_share'])};"
        f" {figures.move(row['distance'])} from spot in scan {change.scan_id}."
    )

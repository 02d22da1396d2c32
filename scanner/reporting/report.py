"""The report: from the stored scans of a chain to a folder of static pages and documents.

Every document under `v1/` is an answer of `scanner/answers`, encoded as the API and the CLI encode
it. Each stored scan is read once, whatever the number of drivers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from scanner import answers, past, reading
from scanner.core.windows import LONGEST
from scanner.deployments import chain_info
from scanner.errors import NotRead
from scanner.outputs.document import certificate_summary, encode
from scanner.outputs.records import COLUMNS, write_positions
from scanner.outputs.site import build as site_build
from scanner.outputs.site import figures, folder, names, tables
from scanner.outputs.site.feed import TOLD
from scanner.outputs.site.model import Change, Dataset, Driver, File, Row, Scan, Silent, Site
from scanner.reading import Stored
from scanner.reporting import movers, portraits

LEAST_AT_RISK = 1e6  # [USD] a driver with so much at risk has a page; the largest always has
MOST_PAGES = 24  # and no more than so many, those with most at risk
LEAST_CHANGE = 0.01  # of a driver's collateral at risk: what is worth less is not told
PAGE = 100  # positions in v1/<driver>/positions.json: the API's page of default size


@dataclass(frozen=True)
class Asked:
    """What the command was asked for. `site_url` ends in a slash, or is empty."""

    store: Path
    out: Path
    chain: str | int | None = None
    days: float = 30.0
    site_url: str = ""
    stale: float = 6.0
    scan_exit: int = 0


@dataclass(frozen=True)
class Built:
    """What was built: the scan, the pages with their weight, and stored scans that were skipped."""

    stored: Stored
    pages: Sequence[File]
    skipped: Sequence[str]


def build(asked: Asked) -> Built:
    """Build the site and put it in place of the old one.

    Raises
    ------
    UsageError
        No such scan, or `out` holds something else than a site of ours; nothing was touched.
    BandscanError
        A page breaks its budget, or the site cannot be written; the old one still stands.
    """
    with folder.replaced(asked.out) as aside:
        stored = reading.newest(asked.store, asked.chain)
        chain_id = stored.snapshot.chain_id
        far = max(asked.days, LONGEST / past.DAY)  # for the windows; pictures show `days`
        reached, problems = past.records(asked.store, chain_id, days=far)
        records = past.recent(reached, asked.days)
        skipped = [problem.message for problem in problems]
        rows = answers.drivers(stored)["drivers"]
        slugs = names.slugs(row["driver"] for row in rows)
        before = movers.scan_before(stored, asked.store)
        writer = _Writer(aside)
        debt = answers.leverage(chain_id, reached, skipped, days=asked.days)
        happened = _happened(asked.store, chain_id)
        data = {"": _of_chain(writer, stored, asked, rows, debt, happened)}
        drivers: list[Driver] = []
        changes: list[Change] = []
        for row in sorted(rows, key=lambda row: (-portraits.at_risk(row), row["driver"])):
            name, slug = row["driver"], slugs[row["driver"]]
            told = answers.told(chain_id, reached, name, skipped, days=asked.days)
            levels = answers.levels(stored, name)
            data[slug] = _of_driver(writer, stored, name, slug, told, levels, asked.days)
            changes += _changes(told, name, slug if _paged(row, drivers) else "")
            if _paged(row, drivers):
                drivers.append(portraits.portrait(stored, row, slug, records, told, levels, before))
        writer.put("v1/index.json", encode(_index(stored, slugs, drivers, writer)))
        site = Site(
            scan=_scan(stored, asked),
            drivers=drivers,
            silent=[_silent(row) for row in rows if row["driver"] not in {d.name for d in drivers}],
            changes=sorted(changes, key=lambda one: (-one.timestamp, one.driver)),
            standing=portraits.everybody(stored),
            data=data,
            leverage=debt,
            realised=happened,
        )
        pages = site_build.write(site, aside)
    return Built(stored, pages, skipped)


def _paged(row: Row, drivers: Sequence[Driver]) -> bool:
    """Whether a driver has a page: its axis is dollars, and enough or the most is at risk."""
    if row["spot_usd"] is None or len(drivers) >= MOST_PAGES:
        return False
    return portraits.at_risk(row) >= LEAST_AT_RISK or not drivers


def _silent(row: Row) -> Silent:
    if row["spot_usd"] is None:
        return Silent(row["driver"], "its axis is a ratio, not dollars")
    usd = portraits.at_risk(row)
    if usd >= LEAST_AT_RISK:
        return Silent(row["driver"], f"{figures.usd(usd)} at risk, {MOST_PAGES} others have more")
    return Silent(row["driver"], "nothing at risk" if not usd else "less than $1M at risk")


def _scan(stored: Stored, asked: Asked) -> Scan:
    name = chain_info(stored.document["chain_id"]).name
    return Scan(
        chain=name[:1].upper() + name[1:],
        document=stored.document,
        scan_id=stored.scan_id,
        sha256=sha256(stored.snapshot.document_bytes()).hexdigest(),
        summary=certificate_summary(stored.document),
        proof=answers.proof(stored),
        newer=stored.newer,
        failed=asked.scan_exit or None,
        stale=asked.stale,
        site_url=asked.site_url,
    )


class _Writer:
    """Puts files below a folder and remembers how large they are."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.written: dict[str, File] = {}

    def place(self, path: str) -> Path:
        """Where a file goes; its folder is there."""
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def put(self, path: str, data: bytes) -> File:
        """Write a file."""
        self.place(path).write_bytes(data)
        return self.known(path)

    def known(self, path: str) -> File:
        """Remember a file that lies there."""
        self.written[path] = File(path, (self._root / path).stat().st_size)
        return self.written[path]

    def table(self, stem: str, rows: Sequence[Row]) -> dict[str, File]:
        """Rows as CSV and Parquet."""
        head = tables.HEADS.get(stem.rsplit("/", 1)[-1], ())
        return {
            "csv": self.put(f"{stem}.csv", tables.as_csv(rows, head)),
            "parquet": self.put(f"{stem}.parquet", tables.as_parquet(rows, head)),
        }


def _of_driver(
    writer: _Writer,
    stored: Stored,
    name: str,
    slug: str,
    told: Row,
    levels: Row,
    days: float,
) -> list[Dataset]:
    """A driver's documents and tables."""
    bands, ticks = answers.bands(stored, name), answers.ticks(stored, name)
    nearest = answers.positions(stored, name, limit=PAGE)
    found = [
        ("bands", "Bands and walls", "", bands, bands["bands"]),
        ("ticks", "Ticks", "collateral at risk per 0.25% of price", ticks, ticks["ticks"]),
        ("levels", "Levels", "what adds up from spot to each price", levels, levels["levels"]),
        ("history", "History", f"the stored scans of {days:g} days", told, _scans_flat(told)),
    ]
    datasets = [
        Dataset(
            title,
            note,
            {
                "json": writer.put(f"v1/{slug}/{key}.json", encode(answer)),
                **writer.table(f"data/{slug}/{key}", rows),
            },
        )
        for key, title, note, answer, rows in found
    ]
    frame = stored.positions
    frame = frame[frame["driver"] == name].reindex(columns=list(COLUMNS))  # of older scans too
    columns: dict[str, Any] = {column: frame[column].to_numpy() for column in COLUMNS}
    for column, kind in COLUMNS.items():
        if kind == "text" and columns[column].dtype.kind == "f":  # not known, which is not ""
            columns[column] = np.full(len(frame), None, object)
    files = {"json": writer.put(f"v1/{slug}/positions.json", encode(nearest))}
    for form in ("csv", "parquet"):
        path = f"data/{slug}/positions.{form}"
        write_positions(writer.place(path), columns)
        files[form] = writer.known(path)
    note = f"JSON: the {PAGE} nearest to spot; CSV, Parquet: all {len(frame):,}"
    return [*datasets[:3], Dataset("Positions", note, files), datasets[3]]


def _scans_flat(told: Row) -> list[dict[str, Any]]:
    """History with a row per scan; block and sides as columns of their own."""
    rows = []
    for scan in told["scans"]:
        rest = {key: scan[key] for key in scan if key not in ("block", "at_risk")}
        block, at_risk = scan["block"], scan["at_risk"]
        rows.append(
            {
                "scan_id": rest.pop("scan_id"),
                "block_number": block["number"],
                "timestamp": block["timestamp"],
                "at_risk_long_usd": at_risk["long"],
                "at_risk_short_usd": at_risk["short"],
                **rest,
            }
        )
    return rows


def _blocks_flat(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows of scans with the block's number and time as columns of their own."""
    found = []
    for row in rows:
        block = {"block_number": row["block"]["number"], "timestamp": row["block"]["timestamp"]}
        rest = {key: row[key] for key in row if key not in ("scan_id", "block")}
        found.append({"scan_id": row["scan_id"], **block, **rest})
    return found


def _happened(store: Path, chain_id: int) -> Row | None:
    """The liquidations of the day that was read last; None where none were ever read."""
    try:
        return answers.liquidations(store, chain_id, limit=PAGE)
    except NotRead:
        return None


def _of_chain(
    writer: _Writer,
    stored: Stored,
    asked: Asked,
    rows: Sequence[Row],
    debt: Row,
    happened: Row | None,
) -> list[Dataset]:
    """The documents and tables that belong to no driver."""
    certificate, scans = answers.certificate(stored), answers.scans(asked.store, asked.chain)
    proof = answers.proof(stored)
    whole = writer.put("v1/scan.json", stored.snapshot.document_bytes())
    tabled = [
        ("drivers", "Drivers", answers.drivers(stored), rows),
        ("history", "Leverage", debt, _blocks_flat(debt["scans"])),
        ("certificate", "Certificate", certificate, certificate["certificate"]),
        ("proof", "Proof of prices", proof, proof["proof"]),
        ("scans", "Stored scans", scans, scans["scans"]),
    ]
    if happened is not None:
        listed = [
            {**{key: row[key] for key in row if key != "block"}, "block": row["block"]["number"]}
            for row in happened["liquidations"]
        ]
        tabled.append(("liquidations", "Liquidations of a day", happened, listed))
    return [
        Dataset("The whole scan", "bands, ticks, certificate, tokens", {"json": whole}),
        *(
            Dataset(
                title,
                "",
                {
                    "json": writer.put(f"v1/{key}.json", encode(answer)),
                    **writer.table(f"data/{key}", list_),
                },
            )
            for key, title, answer, list_ in tabled
        ),
    ]


def _changes(told: Row, name: str, slug: str) -> list[Change]:
    """What the feed tells of a driver; a driver on the market's axis has no prices to tell."""
    found = [
        Change(name, slug, scan["scan_id"], scan["block"]["timestamp"], row,
               portraits.weight(row) / max(sum(scan["at_risk"].values()), 1.0))
        for scan in told["scans"]
        if scan["spot_usd"] is not None
        for row in scan["changes"]
        if row["change"] in TOLD
    ]  # fmt: skip
    return [change for change in found if change.worth >= LEAST_CHANGE]


def _index(
    stored: Stored, slugs: Mapping[str, str], drivers: Sequence[Driver], writer: _Writer
) -> dict[str, Any]:
    """What is there, for programs: the drivers' folders, and every document and table."""
    paged = {driver.name for driver in drivers}
    return {
        **answers.head(stored),
        "filters": "none: `bandscan serve` answers the same paths with filters",
        "drivers": [
            {
                "driver": name,
                "documents": f"v1/{slug}/",
                "page": f"{slug}/index.html" if name in paged else None,
            }
            for name, slug in slugs.items()
        ],
        "files": [
            {"path": file.path, "bytes": file.size} for _, file in sorted(writer.written.items())
        ],
    }

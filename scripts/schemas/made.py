"""From a model to its schema file."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from scanner.outputs.api import happenings, models, pasts, proofs
from schemas import shapes

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

# File name: what it describes, and its model. A line for each JSON that bandscan writes.
SCHEMAS: dict[str, tuple[str, type[BaseModel]]] = {
    "scan": ("A scan's document: `bandscan scan --json`, /v1/scan, v1/scan.json.", proofs.Document),
    "drivers": ("/v1/drivers, v1/drivers.json.", models.Drivers),
    "bands": ("`bandscan bands --json`, /v1/bands, v1/<driver>/bands.json.", models.Bands),
    "ticks": ("`bandscan ticks --json`, /v1/ticks, v1/<driver>/ticks.json.", models.Ticks),
    "levels": ("`bandscan levels --json`, /v1/levels, v1/<driver>/levels.json.", models.Levels),
    "positions": (
        "`bandscan positions --json`, /v1/positions, v1/<driver>/positions.json.",
        models.Positions,
    ),
    "account": ("`bandscan account --json`, /v1/accounts/{address}.", models.Account),
    "certificate": ("/v1/certificate, v1/certificate.json.", proofs.Certificate),
    "history": ("`bandscan history --json`, /v1/history, v1/<driver>/history.json.", pasts.History),
    "scans": ("`bandscan scans --json`, /v1/scans, v1/scans.json.", pasts.Scans),
    "diff": ("`bandscan diff --json`.", shapes.Diff),
    "diffs": ("`bandscan diff --json` of all drivers.", shapes.Diffs),
    "proof": ("`bandscan verify --json`, /v1/proof.", proofs.Proof),
    "liquidations": (
        "`bandscan liquidations --json`, /v1/liquidations.",
        happenings.Liquidations,
    ),
    "backtest": ("`bandscan backtest --json`, /v1/backtest.", happenings.Backtest),
    "protocols": ("`bandscan protocols --json`.", shapes.Protocols),
    "accounts": ("`bandscan accounts --json`.", shapes.KnownAccounts),
    "doctor": ("`bandscan doctor --json`.", shapes.Doctor),
    "watch": ("A line of `bandscan watch --json`.", shapes.Told),
    "stats": ("`bandscan scan --stats`.", shapes.Stats),
    "site": ("v1/index.json of a report.", shapes.SiteIndex),
    "event_scan": ("The data of a `scan` event of /v1/stream.", shapes.ScanEvent),
    "event_band": ("The data of a `band` event of /v1/stream.", shapes.BandEvent),
    "status": ("/v1/status.", proofs.Status),
    "health": ("/healthz.", proofs.Health),
    "problem": ("Every refusal of the API (RFC 9457).", proofs.Problem),
}


def made(name: str) -> dict[str, Any]:
    """The schema of a JSON by its name in `SCHEMAS`."""
    what, model = SCHEMAS[name]
    schema = model.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
    _tidy(schema)
    return {
        "$schema": DIALECT,
        "$id": f"urn:bandscan:schema:{name}",
        "title": name,
        "description": f"{what} {schema.pop('description', '')}".strip(),
        **{key: value for key, value in schema.items() if key != "title"},
    }


def text(name: str) -> str:
    """The file's content."""
    return json.dumps(made(name), indent=2, ensure_ascii=True) + "\n"


def wrong(name: str, value: Any) -> list[str]:
    """What in a JSON its committed schema does not allow: up to five places, and why."""
    from jsonschema import Draft202012Validator

    schema = json.loads((FOLDER / f"{name}.json").read_text())
    errors = Draft202012Validator(schema).iter_errors(value)
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in errors][:5]


def _tidy(part: Any) -> None:
    """No key that is not described, and no titles that only repeat a key."""
    if isinstance(part, list):
        for one in part:
            _tidy(one)
    elif isinstance(part, dict):
        if isinstance(part.get("properties"), dict):
            part["additionalProperties"] = bool(part.pop("x-open", False))
            for one in part["properties"].values():
                one.pop("title", None)
        for one in part.values():
            _tidy(one)

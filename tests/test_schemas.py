"""docs/schemas: made from the models, true of everything that is written, and strict."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api.asking import of_store
from bench import stored as sample
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from schemas import SCHEMAS, made, text, wrong

from scanner import answers, reading
from scanner.cli import main
from scanner.outputs.document import encode

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schemas"


def valid(name: str, value: Any) -> None:
    """By the committed file."""
    assert wrong(name, value) == []


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up store: two markets, three drivers, a history of eight scans."""
    folder = tmp_path_factory.mktemp("schemas")
    sample.make(folder, positions=400, scans=8)
    return folder


def command(*arguments: object) -> Any:
    """What the command prints as JSON."""
    ended = CliRunner().invoke(main, [str(one) for one in arguments])
    assert ended.exit_code in (0, 3), ended.stderr
    return json.loads(ended.stdout)


def test_the_files_are_those_that_the_models_make():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(SCHEMAS)
    stale = [name for name in SCHEMAS if (FOLDER / f"{name}.json").read_text() != text(name)]
    assert stale == [], "PYTHONPATH=scripts .venv/bin/python -m schemas"


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_one_and_takes_no_key_that_it_does_not_know(name: str):
    schema = made(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["description"]

    def objects(part: Any) -> Iterator[dict[str, Any]]:
        if isinstance(part, list):
            for one in part:
                yield from objects(one)
        elif isinstance(part, dict):
            if isinstance(part.get("properties"), dict):
                yield part
            for one in part.values():
                yield from objects(one)

    found = list(objects(schema))
    assert found
    assert all(one["additionalProperties"] is False for one in found)
    assert all("type" in p or {"$ref", "anyOf", "enum", "const"} & p.keys()
               for one in found for p in one["properties"].values())  # fmt: skip


def asked(store: Path) -> Iterator[tuple[str, Any]]:
    """Every reading command's JSON, with its schema's name."""
    at = ("--json", "--store", store)
    stored = reading.newest(store, None)
    one = someone(store)
    listed = answers.scans(store, None)["scans"]
    spot = stored.document["drivers"][0]["spot_usd"]
    for row in stored.document["drivers"]:
        name = row["driver"]
        for what in ("bands", "ticks", "levels", "positions"):
            yield what, command(what, name, *at)
        yield "levels", command("levels", name, "--at", spot * 0.8, *at)
        yield "levels", command("levels", name, "--at", spot * 3, *at)
        yield "history", command("history", name, *at)
        first, last = listed[-1]["scan_id"], listed[0]["scan_id"]
        yield "diff", command("diff", first, last, "--driver", name, *at)
    yield "diffs", command("diff", first, last, *at)
    yield "history", command("history", *at)
    yield "backtest", command("backtest", *at)
    yield "proof", json.loads(encode(answers.proof(stored)))
    yield "account", command("account", one, *at)
    for price in (spot * 0.5, spot * 1.5):
        yield "account", command(
            "account", one, "--driver", stored.document["drivers"][0]["driver"],
            "--reach", price, *at
        )  # fmt: skip
    yield "account", command("account", "0x" + "9" * 40, *at)
    yield "scans", command("scans", *at)
    groups = store.parent / "groups.csv"
    groups.write_text(f"{one},Example Capital\n")
    for what in ("bands", "positions", "levels", "ticks"):
        name = stored.document["drivers"][-1]["driver"]
        yield what, command(what, name, "--group", groups, *at)
    yield "scan", stored.document
    yield "drivers", json.loads(encode(answers.drivers(stored)))
    yield "certificate", json.loads(encode(answers.certificate(stored)))


def test_what_the_commands_print(store: Path):
    names = set()
    for name, value in asked(store):
        valid(name, value)
        names.add(name)
    assert len(names) >= 14


def test_a_wrong_answer_is_refused(store: Path):
    """A key too many, one too few, a text for a number: the schemas can say no."""
    answer = answers.bands(reading.newest(store, None), "ETH")
    good = json.loads(json.dumps(answer))
    valid("bands", good)
    for spoil in (
        lambda a: a.update(extra=1),
        lambda a: a.pop("scan_id"),
        lambda a: a["bands"][0].update(low_usd="1781.09"),
        lambda a: a["bands"][0].update(side="up"),
        lambda a: a["block"].pop("hash"),
    ):
        bad = json.loads(json.dumps(good))
        spoil(bad)
        assert wrong("bands", bad)


def test_commands_without_a_scan(store: Path):
    valid("protocols", command("protocols", "--json"))
    ended = CliRunner().invoke(main, ["accounts", "--json", "--store", str(store)])
    if ended.exit_code == 0:  # the made-up store has no ledger
        valid("accounts", json.loads(ended.stdout))


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/v1/drivers", "drivers"),
        ("/v1/bands", "bands"),
        ("/v1/ticks", "ticks"),
        ("/v1/levels?driver=ETH&at=1781", "levels"),
        ("/v1/positions?driver=ETH", "positions"),
        ("/v1/accounts/{who}", "account"),
        ("/v1/accounts/{who}?driver=ETH&reach=1500", "account"),
        ("/v1/history?driver=ETH", "history"),
        ("/v1/certificate", "certificate"),
        ("/v1/scans", "scans"),
        ("/v1/scan", "scan"),
        ("/v1/proof", "proof"),
        ("/v1/backtest", "backtest"),
        ("/v1/history", "history"),
        ("/v1/liquidations", "problem"),
        ("/v1/status", "status"),
        ("/healthz", "health"),
        ("/v1/bands?nothing=1", "problem"),
        ("/v1/bands?driver=DOGE", "problem"),
        ("/v1/nothing", "problem"),
        ("/v1/accounts/{who}?driver=ETH&reach=0.0000001", "problem"),
    ],
)
def test_what_the_server_sends(store: Path, target: str, name: str):
    valid(name, of_store(store).ask(target.format(who=someone(store))).json)


def someone(store: Path) -> str:
    """An account that a fall of ether liquidates."""
    frame = reading.newest(store, None).positions
    return str(frame[(frame["driver"] == "ETH") & (frame["side"] == "long")]["account"].iloc[0])


def test_what_the_stream_sends(store: Path):
    from scanner.serving.chronicle import Chronicle

    chain_id = reading.newest(store, None).snapshot.chain_id
    listed = frozenset(row["scan_id"] for row in answers.scans(store, None)["scans"])
    log = Chronicle(store, chain_id).log(listed)
    kinds = set()
    for event in log.events:
        valid(f"event_{event.kind}", json.loads(event.data))
        kinds.add(event.kind)
    assert kinds == {"scan", "band"}


def test_what_a_watch_prints(store: Path):
    from scanner.answers.live import Told
    from scanner.store import snapshots

    told, lines = Told(), 0
    for number, snapshot in enumerate(snapshots.listed(store, 1)):
        document = snapshot.document()
        if not number:
            names = [row["driver"] for row in document["drivers"]]
            bands = {n: reading.rows_of(document, "bands", n) for n in names}
            told.begin(bands, document["block"])
            continue
        for row in told.changes(document):
            valid("watch", json.loads(json.dumps(row)))
            lines += 1
    assert lines


def test_what_a_report_holds(store: Path, tmp_path: Path):
    """Every JSON of a site, by its place."""
    ended = CliRunner().invoke(
        main, ["report", "--store", str(store), "--out", str(tmp_path / "site")]
    )
    assert ended.exit_code == 0, ended.stderr
    files = sorted((tmp_path / "site").rglob("*.json"))
    assert len(files) > 10
    for path in files:
        name = "site" if path.name == "index.json" else path.stem
        valid(name, json.loads(path.read_text()))


def test_the_script_says_what_is_out_of_date():
    done = subprocess.run(
        [sys.executable, "-m", "schemas", "--check"],
        capture_output=True,
        text=True,
        cwd=FOLDER.parents[1],
        env={"PYTHONPATH": "scripts:.", "PATH": ""},
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")

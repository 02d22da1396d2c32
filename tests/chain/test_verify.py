"""verify on real contracts: every price of every protocol proven, what is wrong found out."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import schemas
from click.testing import CliRunner
from localchain import LocalChain
from localchain.mixed import Mixed
from proxy import Proxy, Question, Reply

from scanner import answers, cli, reading, verifying
from scanner import scan as scanning
from scanner.outputs.api.proofs import Proof
from scanner.outputs.document import encode
from scanner.scan import Request
from scanner.store import proofs, snapshots
from scanner.verifying import Verified

PEOPLE = 40
PROTOCOLS = {
    "aave_v2", "aave_v3", "compound_v2", "compound_v3", "maker", "morpho_blue", "spark", "venus",
}  # fmt: skip
BENCH = b"bandscan trial bench".hex()


@dataclass(frozen=True)
class Scene:
    """A chain with every protocol, and a store with its scan."""

    mixed: Mixed
    store: Path
    deployments: Path

    @property
    def url(self) -> str:
        return self.mixed.aave.url

    def verify(self, store: Path | None = None, **more: Any) -> Verified:
        """`bandscan verify`, of the store or of another."""
        asked = verifying.Request(
            store or self.store, None, more.pop("rpc", (self.url,)), self.deployments, **more
        )
        return verifying.run(asked)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Eight protocols, a day of interest."""
    with LocalChain("origin") as aave:
        aave.populate(PEOPLE)
        mixed = Mixed(aave)
        mixed.populate(PEOPLE)
        aave.pass_time(86_400)
        folder = tmp_path_factory.mktemp("verify")
        deployments = folder / "mixed.toml"
        deployments.write_text(mixed.deployments_toml())
        request = Request(None, (aave.url,), (), deployments, folder / "store", patience=30)
        assert scanning.run(request).complete
        yield Scene(mixed, folder / "store", deployments)


@pytest.fixture(scope="module")
def verified(scene: Scene) -> Verified:
    return scene.verify()


def test_every_price_of_every_protocol_is_proven(scene: Scene, verified: Verified) -> None:
    """All positions that have a price, in every driver; nothing off, nothing that cannot be."""
    answer = verified.answer
    frame = reading.newest(scene.store, None).positions
    priced = frame[frame["side"] != "none"]
    assert verified.proven
    assert answer["verified"] == "prices"
    assert answer["positions"] + answer["dust"]["positions"] == len(priced) > 250
    assert answer["off"] == answer["cannot"] == 0
    assert answer["failures"] == []
    found: Counter[str] = Counter()
    for row in answer["proof"]:
        assert row["proven"] == row["positions"]
        assert row["dust"]["proven"] == row["dust"]["positions"]
        found[row["protocol"]] += row["proven"] + row["dust"]["proven"]
    assert dict(found) == priced["protocol"].value_counts().to_dict()
    assert set(found) == PROTOCOLS
    sides = {(p, s) for p, s in zip(priced["protocol"], priced["side"], strict=True)}
    assert ("morpho_blue", "short") in sides
    assert ("aave_v3", "short") in sides


def test_the_answer_is_kept_beside_the_scan_and_nothing_else_changes(
    scene: Scene, verified: Verified
) -> None:
    stored = reading.newest(scene.store, None)
    files = {path.name for path in stored.snapshot.path.iterdir()}
    assert files == {"scan.json", "meta.json", "proof.json", *snapshots.TABLES}
    assert stored.snapshot.document_bytes()  # against the digest in its name
    assert answers.proof(stored) == verified.answer
    Proof.model_validate(json.loads(encode(verified.answer)))
    assert schemas.wrong("proof", json.loads(encode(verified.answer))) == []
    # A document of every protocol there is.
    assert schemas.wrong("scan", json.loads(stored.snapshot.document_bytes())) == []


def tampered(scene: Scene, folder: Path, change: Any) -> Path:
    """A store of its own whose scan has other prices; `change` gets the positions."""
    import shutil

    store = folder / "store"
    shutil.copytree(scene.store, store)
    scan = snapshots.newest(store, None)
    assert scan is not None
    frame = scan.positions()
    change(frame)
    document = {**scan.document(), "problems": [{"kind": "tampered", "message": "", "fatal": False,
                                                  "protocol": None, "market": None}]}  # fmt: skip
    columns = {name: frame[name].to_numpy() for name in frame}
    legs = scan.legs()
    snapshots.write(
        store,
        scan.chain_id,
        scan.block,
        bytes.fromhex(document["block"]["hash"][2:]),
        True,
        encode(document),
        columns,
        {name: legs[name].to_numpy() for name in legs},
        timestamp=document["block"]["timestamp"],
    )
    return store


def first_of_each(frame: pd.DataFrame) -> dict[str, int]:
    """The largest priced position under ETH of each protocol: its row."""
    rows = frame[(frame["driver"] == "ETH") & (frame["side"] != "none")]
    rows = rows.sort_values("debt_usd", ascending=False).drop_duplicates("protocol")
    return dict(zip(rows["protocol"], rows.index, strict=True))


@pytest.mark.parametrize("units", [1, -1, 3, 10**6])
def test_a_price_that_is_off_by_some_units_comes_out_as_that(
    scene: Scene, verified: Verified, tmp_path: Path, units: int
) -> None:
    """One price of each protocol moved: it alone is off, by so many units, all others proven."""
    moved: dict[str, int] = {}

    def change(frame: pd.DataFrame) -> None:
        for row in first_of_each(frame).values():
            raw = int(frame.at[row, "liquidation_price_raw"]) + units
            frame.at[row, "liquidation_price_raw"] = str(raw)
            moved[frame.at[row, "protocol"]] = raw

    found = scene.verify(tampered(scene, tmp_path, change))
    answer = found.answer
    assert not found.proven
    assert answer["off"] == len(PROTOCOLS)
    assert answer["cannot"] == 0
    assert answer["proven"] == verified.answer["proven"] - len(PROTOCOLS)
    assert {row["protocol"] for row in answer["failures"]} == PROTOCOLS
    for row in answer["failures"]:
        assert row["status"] == "off"
        assert int(row["off_units"]) == -units
        assert int(row["found_raw"]) == moved[row["protocol"]] - units


def test_a_price_far_off_and_a_position_that_is_not_there(scene: Scene, tmp_path: Path) -> None:
    def change(frame: pd.DataFrame) -> None:
        rows = first_of_each(frame)
        far = rows["aave_v3"]
        frame.at[far, "liquidation_price_raw"] = str(
            int(frame.at[far, "liquidation_price_raw"]) // 3
        )
        frame.at[rows["maker"], "account"] = "0x" + "77" * 20
        frame.at[rows["compound_v2"], "price_feed"] = "0x" + "88" * 20

    answer = scene.verify(tampered(scene, tmp_path, change), drivers=("eth",)).answer
    assert answer["drivers"] == ["ETH"]
    by = {row["protocol"]: row for row in answer["failures"]}
    assert set(by) == {"aave_v3", "maker", "compound_v2"}
    assert by["aave_v3"]["status"] == "off"
    assert by["aave_v3"]["off_units"] is None
    assert by["maker"]["status"] == by["compound_v2"]["status"] == "cannot"
    assert "not there" in by["maker"]["why"]
    assert "another feed" in by["compound_v2"]["why"]


def test_two_tokens_with_one_source_and_two_prices_cannot_be_asked() -> None:
    """And no source is no proof."""
    from scanner.protocols._trials import Source, Told, distinct

    feed = Source(b"\1" * 20)
    sources, place = distinct([feed, feed, Source(bytes(20))])
    told = Told(3, sources)
    trial, token = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 0, 1, 2])
    told.tell(trial, place[token], np.array([5, 5, 5, 6, 7], object))
    assert told.cannot.tolist() == [
        "",
        "two tokens of the position share one price source and would need two prices",
        "a token of the position has no price source of its own",
    ]


def test_one_account_and_one_band(scene: Scene, verified: Verified) -> None:
    """A part of the scan is verified and not kept as if it were all."""
    before = proofs.read(reading.newest(scene.store, None).snapshot)
    row = reading.newest(scene.store, None).positions.query("side == 'long'").iloc[0]
    one = scene.verify(account=row["account"]).answer
    assert one["positions"] + one["dust"]["positions"] >= 1
    assert {r["protocol"] for r in one["proof"]} >= {row["protocol"]}
    document = reading.newest(scene.store, None).document
    eth = [band for band in document["bands"] if band["driver"] == "ETH"]
    if eth:
        band = scene.verify(drivers=("ETH",), band=1).answer
        assert band["positions"] + band["dust"]["positions"] == eth[0]["positions"]
    assert proofs.read(reading.newest(scene.store, None).snapshot) == before


def run(*words: str) -> Any:
    return CliRunner().invoke(cli.main, [str(word) for word in words])


def test_the_command(scene: Scene, verified: Verified, tmp_path: Path) -> None:
    """A table, the answer's bytes with --json, exit code 0; 2 for what cannot be meant, 3 for what
    is off, 4 without an endpoint."""
    common = ["--store", scene.store, "--deployments", scene.deployments, "--rpc", scene.url]
    told = run("verify", *common)
    assert told.exit_code == 0, told.output
    proven = verified.answer["proven"]
    assert (
        f"{proven:,} of {proven:,} liquidation prices proven by the protocol itself" in told.output
    )
    out = tmp_path / "proof.json"
    assert run("verify", *common, "--json", out).exit_code == 0
    assert out.read_bytes() == encode(verified.answer)
    for wrong in (["--band", "1"], ["SHIB"], ["--account", "0x" + "77" * 20],
                  ["--all", "--band", "1"], ["--account", "nobody"]):  # fmt: skip
        assert run("verify", *common, *wrong).exit_code == 2
    nobody = ["--store", scene.store, "--rpc", "http://127.0.0.1:9", "--patience", "1"]
    assert run("verify", *nobody).exit_code == 4

    def change(frame: pd.DataFrame) -> None:
        row = first_of_each(frame)["aave_v3"]
        frame.at[row, "liquidation_price_raw"] = str(
            int(frame.at[row, "liquidation_price_raw"]) + 2
        )

    store = tampered(scene, tmp_path, change)
    told = run("verify", "ETH", "--store", store, *common[2:])
    assert told.exit_code == 3
    assert "off by -2 feed units" in told.output
    assert "1 of " in told.output


def test_without_the_deployments_file_nothing_is_said_to_be_proven(scene: Scene) -> None:
    found = run("verify", "--store", scene.store, "--rpc", scene.url)
    assert found.exit_code in (2, 3)


def test_a_node_that_refuses_overrides_compares_health_factors(
    scene: Scene, verified: Verified, tmp_path: Path
) -> None:
    """It says so, and a proof that is there already stays."""

    def before(question: Question, number: int) -> Question | Reply:
        if question["method"] == "eth_call" and BENCH in str(question["params"]):
            return 200, (
                b'{"jsonrpc":"2.0","id":%d,"error":{"code":-32602,'
                b'"message":"too many arguments, want at most 2"}}' % question["id"]
            )
        return question

    with Proxy(scene.url) as proxy:
        proxy.before = before
        found = scene.verify(rpc=(proxy.url,))
    answer = found.answer
    assert not found.proven
    assert answer["verified"] == "parity"
    assert "override" in answer["reason"]
    assert answer["proven"] == answer["off"] == 0
    assert answer["cannot"] == verified.answer["positions"]
    assert {row["protocol"] for row in answer["parity"]} == PROTOCOLS
    assert all(row["checked"] == row["accounts"] for row in answer["parity"])
    assert not any(row["mismatches"] for row in answer["parity"])
    assert answers.proof(reading.newest(scene.store, None)) == verified.answer
    Proof.model_validate(json.loads(encode(answer)))


def test_a_block_whose_state_is_gone_is_named(scene: Scene) -> None:
    """What to do is said; nothing is called unproven for it."""

    def before(question: Question, number: int) -> Question | Reply:
        if question["method"] in ("eth_call", "eth_getCode", "eth_getStorageAt"):
            return 200, (
                b'{"jsonrpc":"2.0","id":%d,"error":{"code":-32000,'
                b'"message":"missing trie node"}}' % question["id"]
            )
        return question

    with Proxy(scene.url) as proxy:
        proxy.before = before
        told = run(
            "verify", "--store", scene.store, "--deployments", scene.deployments,
            "--rpc", proxy.url, "--patience", "2",
        )  # fmt: skip
    assert told.exit_code == 3
    assert "scan again" in told.output


def test_a_later_chain_is_verified_at_the_scanned_block(scene: Scene, verified: Verified) -> None:
    """Prices fell and people moved since: the scan is of its block, and so is the proof."""
    with scene.mixed.aave.undone():
        scene.mixed.set_feed("ETH / USD", scene.mixed.ground.feed("ETH / USD") * 8 // 10)
        scene.mixed.aave.act(3)
        assert scene.verify().answer == verified.answer


def test_every_other_shock_is_proven_too(scene: Scene, tmp_path: Path) -> None:
    """All drivers by one ratio, a weighted shock, and one token alone: what their axis says of each
    price is what each source is told."""
    shocks = ("market", "shock:BTC=0.8,ETH=1", "token:wstETH")
    request = Request(
        None, (scene.url,), (), scene.deployments, tmp_path / "store", shocks=shocks, patience=30
    )
    assert scanning.run(request).complete
    found = scene.verify(tmp_path / "store")
    by: Counter[str] = Counter()
    for row in found.answer["proof"]:
        by[row["driver"]] += row["positions"]
    assert set(by) == {"market", "shock:BTC=0.8,ETH=1", "wstETH"}
    assert min(by.values()) > 10
    assert found.answer["failures"] == []
    assert found.proven

"""Every endpoint on a real store: the same bytes as everywhere, pages, incomplete scans."""

import json
import re
from pathlib import Path

import pytest
from cli import whales_sample
from click.testing import CliRunner

from api import stores
from api.asking import Api, of_store
from scanner import answers, reading
from scanner.outputs.document import encode
from scanner.store import snapshots

WHALE, SHORT = whales_sample.address(1), whales_sample.address(300)


@pytest.fixture
def api(store: Path) -> Api:
    return of_store(store)


@pytest.fixture
def stored(store: Path) -> reading.Stored:
    return reading.newest(store, None)


ASKED = {
    "/v1/drivers": lambda s: answers.drivers(s),
    "/v1/bands": lambda s: answers.bands(s),
    "/v1/bands?driver=ETH": lambda s: answers.bands(s, "ETH"),
    "/v1/bands?driver=BTC": lambda s: answers.bands(s, "BTC"),
    "/v1/bands?driver=ETH&side=short": lambda s: answers.bands(s, "ETH", side="short"),
    "/v1/bands?driver=ETH&min_usd=2e9": lambda s: answers.bands(s, "ETH", least=2e9),
    "/v1/bands?protocol=aave_v3": lambda s: answers.bands(s, protocol="aave_v3"),
    "/v1/ticks": lambda s: answers.ticks(s),
    "/v1/ticks?driver=ETH": lambda s: answers.ticks(s, "ETH"),
    "/v1/ticks?driver=ETH&from=1815&to=1825": lambda s: answers.ticks(
        s, "ETH", low=1815.0, high=1825.0
    ),
    "/v1/levels?driver=ETH": lambda s: answers.levels(s, "ETH"),
    "/v1/levels?driver=ETH&at=1781&at=2600": lambda s: answers.levels(
        s, "ETH", at=(1781.0, 2600.0)
    ),
    "/v1/levels?driver=ETH&side=short&protocol=aave_v3": lambda s: answers.levels(
        s, "ETH", side="short", protocol="aave_v3"
    ),
    "/v1/positions?driver=ETH": lambda s: answers.positions(s, "ETH", limit=100),
    "/v1/positions?driver=ETH&band=1": lambda s: answers.positions(s, "ETH", band=1, limit=100),
    "/v1/positions?driver=ETH&side=long&sort=debt&limit=3": lambda s: answers.positions(
        s, "ETH", side="long", sort="debt", limit=3
    ),
    f"/v1/accounts/{WHALE}": lambda s: answers.account(s, WHALE),
    "/v1/certificate": lambda s: answers.certificate(s),
    "/v1/tokens": lambda s: answers.tokens(s),
    "/v1/proof": lambda s: answers.proof(s),
    "/v1/history?driver=ETH": lambda s: answers.history(s.snapshot.path.parents[2], 1, "ETH"),
    "/v1/history?driver=ETH&days=3": lambda s: answers.history(
        s.snapshot.path.parents[2], 1, "ETH", days=3
    ),
    "/v1/scans": lambda s: answers.scans(s.snapshot.path.parents[2], 1),
}


@pytest.mark.parametrize("target", ASKED)
def test_every_body_is_the_answer_of_the_shared_layer(api, stored, target):
    """Byte for byte."""
    assert api.ask(target).body == encode(ASKED[target](stored))


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/v1/bands?driver=ETH", ["bands", "eth"]),
        ("/v1/ticks?driver=ETH&side=short", ["ticks", "ETH", "--side", "short"]),
        ("/v1/levels?driver=ETH&at=1781", ["levels", "ETH", "--at", "1781"]),
        ("/v1/positions?driver=ETH&limit=7", ["positions", "ETH", "--limit", "7"]),
        (f"/v1/accounts/{SHORT}", ["account", SHORT]),
        ("/v1/history?driver=ETH", ["history", "ETH"]),
        ("/v1/scans", ["scans"]),
    ],
)
def test_the_command_line_says_the_same_bytes(api, store, target, words):
    """What `--json` prints is what the API sends."""
    from scanner.cli import main

    printed = CliRunner().invoke(main, [*words, "--json", "--store", str(store)])

    assert api.ask(target).body == printed.stdout_bytes


def test_the_document_is_sent_as_it_is_stored(api, stored):
    """Its digest is the end of the scan's id."""
    response = api.ask("/v1/scan")

    assert response.body == stored.snapshot.document_bytes()
    assert response.headers["x-bandscan-scan"] == stored.scan_id


@pytest.mark.parametrize("target", ["/v1/scan", *ASKED])
def test_every_answer_says_which_scan_it_is_from(api, stored, target):
    """Schema and scan in the body; scan, block and completeness in the headers."""
    response = api.ask(target)
    body = response.json

    assert body["schema"] == "bandscan/1"
    assert response.headers["x-bandscan-scan"] == stored.scan_id
    assert response.headers["x-bandscan-block"] == str(whales_sample.BLOCK)
    assert response.headers["x-bandscan-complete"] == "true"
    if target not in ("/v1/scan", "/v1/scans") and "history" not in target:
        assert (body["scan_id"], body["block"]["number"]) == (stored.scan_id, whales_sample.BLOCK)
        assert body["complete"] is True


def pages(api: Api, target: str, key: str) -> list[list[dict]]:
    """The rows of every page, following the link to the next one."""
    found = []
    while target:
        response = api.ask(target)
        assert response.status == 200, response.body
        found.append(response.json[key])
        link = re.fullmatch(r'<(.*)>; rel="next"', response.headers.get("link", ""))
        target = link[1] if link else ""
    return found


@pytest.mark.parametrize(
    ("target", "key", "sizes"),
    [
        ("/v1/positions?driver=ETH&limit=10", "positions", [10, 10, 10, 1]),
        ("/v1/positions?driver=ETH&limit=31", "positions", [31]),
        (
            "/v1/positions?driver=eth&side=long&sort=at-risk&from=1500.5&limit=9",
            "positions",
            [9, 8],
        ),
        ("/v1/ticks?driver=ETH&limit=25", "ticks", [25, 5]),
        ("/v1/bands?limit=1", "bands", [1]),
    ],
)
def test_pages_together_are_the_whole(api, target, key, sizes):
    """In order, each row once."""
    found = pages(api, target, key)
    whole = pages(api, re.sub("limit=[0-9]+", "limit=1000", target), key)

    assert [len(page) for page in found] == sizes
    assert [row for page in found for row in page] == whole[0]


def test_the_header_holds_the_cursor_that_the_link_holds(api):
    """For those who would rather not read links."""
    first = api.ask("/v1/positions?driver=ETH&limit=10")
    cursor = first.headers["x-bandscan-next"]

    assert f"cursor={cursor}" in first.headers["link"]
    more = api.ask(f"/v1/positions?driver=ETH&limit=5&cursor={cursor}")
    assert len(more.json["positions"]) == 5


def test_a_cursor_of_an_older_scan_is_gone(store):
    """Pages of two scans do not fit together."""
    cursor = of_store(store).ask("/v1/positions?driver=ETH&limit=10").headers["x-bandscan-next"]
    stores.add(store, block=whales_sample.BLOCK + 1)
    response = of_store(store).ask(f"/v1/positions?driver=ETH&limit=10&cursor={cursor}")

    assert response.status == 410
    assert "start over" in response.json["detail"]


@pytest.mark.parametrize("query", ["driver=BTC", "driver=ETH&side=long", "driver=ETH&from=5"])
def test_a_cursor_belongs_to_its_filters(api, query):
    """Other filters would skip or repeat rows."""
    cursor = api.ask("/v1/positions?driver=ETH&limit=10").headers["x-bandscan-next"]

    assert api.ask(f"/v1/positions?{query}&cursor={cursor}").status == 400


def test_history_and_scans_have_pages_as_well(store):
    """A history's first page is the newest; the list of scans is newest first."""
    for number in range(1, 5):
        stores.add(store, block=whales_sample.BLOCK + number)
    api = of_store(store)
    history = pages(api, "/v1/history?driver=ETH&limit=2", "scans")
    scans = pages(api, "/v1/scans?limit=2", "scans")

    blocks = [[row["block"]["number"] - whales_sample.BLOCK for row in page] for page in history]
    assert blocks == [[3, 4], [1, 2], [0]]
    listed = [[row["block_number"] - whales_sample.BLOCK for row in page] for page in scans]
    assert listed == [[4, 3], [2, 1], [0]]


def test_levels_say_what_the_issue_says(api):
    """ "below $1,781": all whales; "above": the one short."""
    body = api.ask("/v1/levels?driver=ETH&at=1781").json

    [point] = body["at"]
    assert point["collateral_at_risk_usd"] == pytest.approx(1_196_002_752.24)
    assert point["opposite"]["positions"] == 1


DATA = [
    "/v1/drivers",
    "/v1/bands",
    "/v1/bands?driver=ETH",
    "/v1/ticks?driver=ETH&from=5",
    "/v1/levels?driver=ETH",
    "/v1/positions?driver=ETH",
    f"/v1/accounts/{WHALE}",
    "/v1/certificate",
    "/v1/tokens",
    "/v1/proof",
    "/v1/scan",
    "/v1/history?driver=ETH",
]


@pytest.mark.parametrize("target", DATA)
def test_an_incomplete_scan_is_not_passed_off_as_one(tmp_path, target):
    """503 with the reasons; never a list that is shorter than it should be."""
    stores.add(tmp_path / "store", complete=False)
    response = of_store(tmp_path / "store").ask(target)

    assert response.status == 503
    assert response.json["type"] == "urn:bandscan:problem:incomplete"
    assert response.json["reasons"][0].startswith("The endpoint stopped answering")
    assert response.json["complete"] is False
    assert response.json["block"]["number"] == whales_sample.BLOCK


@pytest.mark.parametrize("target", [each for each in DATA if "history" not in each])
def test_who_asks_for_an_incomplete_scan_gets_it(tmp_path, target):
    """Marked as what it is."""
    stores.add(tmp_path / "store", complete=False)
    sign = "&" if "?" in target else "?"
    response = of_store(tmp_path / "store").ask(f"{target}{sign}incomplete=true")

    assert response.status == 200
    assert response.json["complete"] is False
    assert response.headers["x-bandscan-complete"] == "false"


def test_the_list_of_scans_shows_incomplete_ones(tmp_path):
    """It says nothing about risk."""
    stores.add(tmp_path / "store", complete=False)
    response = of_store(tmp_path / "store").ask("/v1/scans")

    assert [row["complete"] for row in response.json["scans"]] == [False]


def test_a_newer_incomplete_scan_is_told_and_not_served(store):
    """In a header of every answer, and in the status."""
    stores.add(store, block=whales_sample.BLOCK + 5, complete=False)
    api = of_store(store)
    response = api.ask("/v1/bands?driver=ETH")
    status = api.ask("/v1/status").json["chains"][0]

    assert response.json["complete"] is True
    assert response.json["block"]["number"] == whales_sample.BLOCK
    assert f"block={whales_sample.BLOCK + 5}; incomplete" in response.headers["x-bandscan-newer"]
    assert status["newer_incomplete"]["block_number"] == whales_sample.BLOCK + 5
    assert api.ask("/v1/bands?incomplete=true").json["complete"] is True


def test_an_account_nobody_knows_has_no_position(api):
    """The scan is complete, so nothing is something."""
    body = api.ask("/v1/accounts/0x" + "9" * 40).json

    assert (body["positions"], body["legs"]) == ([], [])


def test_two_chains_in_one_store(store):
    """Neither is guessed; each is served by name or id."""
    stores.add(store, chain_id=8453, block=900)
    api = of_store(store)

    assert api.ask("/v1/bands").status == 400
    assert "ethereum, base" in api.ask("/v1/bands?driver=ETH").json["detail"]
    for name, number in (("base", 8453), ("8453", 8453), ("1", 1), ("mainnet", 1)):
        body = api.ask(f"/v1/bands?driver=ETH&chain={name}").json
        assert body["chain_id"] == number
    assert api.metrics.ready == 3  # an alias is not one of the usual spellings
    listed = api.ask("/v1/status").json["chains"]
    assert [row["chain"] for row in listed] == ["ethereum", "base"]


def test_links_of_several_chains_name_theirs(store):
    """A page must not lead to another chain."""
    stores.add(store, chain_id=8453, block=900)
    found = pages(of_store(store), "/v1/positions?chain=base&driver=ETH&limit=20", "positions")

    assert [len(page) for page in found] == [20, 11]


def test_numbers_agree_between_endpoints(api):
    """Bands by membership, ticks, levels and positions add up to the same cents."""
    ticks = api.ask("/v1/ticks?driver=ETH&side=long").json["ticks"]
    levels = api.ask("/v1/levels?driver=ETH&side=long").json["levels"]
    positions = api.ask("/v1/positions?driver=ETH&side=long&limit=1000").json["positions"]
    [driver] = [row for row in api.ask("/v1/drivers").json["drivers"] if row["driver"] == "ETH"]

    total = sum(row["collateral_at_risk_usd"] for row in positions)
    assert sum(row["collateral_at_risk_usd"] for row in ticks) == pytest.approx(total, abs=0.005)
    assert levels[-1]["collateral_at_risk_usd"] == pytest.approx(total, abs=0.005)
    assert driver["at_risk"]["long"] == pytest.approx(total, abs=0.005)


def test_the_scan_id_names_the_document(store):
    """So that anybody can check it."""
    [path] = [each.path for each in snapshots.listed(store, 1)]

    assert json.loads((path / "scan.json").read_bytes())["block"]["number"] == whales_sample.BLOCK

"""What a page shows is what the CLI and the API answer from the same store."""

import json
import math
from typing import Any

import pytest
from click.testing import CliRunner

from browser.amounts import every, read
from browser.chromium import Browser, Page
from browser.sites import Site
from scanner import answers, reading
from scanner.cli import main
from scanner.outputs import words

DRIVERS = ("ETH", "BTC", "LINK")
ROWS = """(selector) => [...document.querySelectorAll(selector + ' tbody tr')]
  .map((row) => [...row.cells].map((cell) => cell.innerText.trim().split('\\n')))"""
TEXT = "(selector) => document.querySelector(selector).innerText"


def asked(site: Site, *arguments: str) -> bytes:
    """What the CLI prints for a program."""
    command = [*arguments, "--store", str(site.store), "--json", "-"]
    done = CliRunner().invoke(main, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout_bytes


@pytest.fixture(scope="module", params=DRIVERS)
def shown(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Any:
    """(driver, its page unfolded, its row of `answers.drivers`, its bands by size)."""
    name = request.param
    stored = reading.newest(site.store, None)
    [row] = [row for row in answers.drivers(stored)["drivers"] if row["driver"] == name]
    bands = json.loads(asked(site, "bands", name))["bands"]
    bands.sort(key=lambda band: -band["collateral_at_risk_usd"])
    with browser.open(site.page(name.lower()).as_uri(), clock=site.clock) as page:
        page.js("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        yield name, page, row, bands


Shown = tuple[str, Page, dict[str, Any], list[dict[str, Any]]]


@pytest.mark.parametrize("question", ["bands", "ticks", "levels", "history"])
@pytest.mark.parametrize("driver", DRIVERS)
def test_the_documents_are_the_cli_s_own(site: Site, driver: str, question: str) -> None:
    """Byte for byte what `bandscan … --json -` prints."""
    file = site.folder / "v1" / driver.lower() / f"{question}.json"
    assert file.read_bytes() == asked(site, question, driver)


def test_the_strip_tells_the_block_and_the_certificate(shown: Shown, site: Site) -> None:
    """Block, moment, debt found and health factors."""
    _, page, _, _ = shown
    head = answers.head(reading.newest(site.store, None))
    strip = " ".join(page.call(TEXT, ".strip").split())
    summary = head["certificate_summary"]

    assert f"Block {head['block']['number']:,}" in strip
    assert page.js("document.querySelector('.strip time').dateTime.slice(0, 16)") == (
        words.utc(head["block"]["timestamp"]).removesuffix(" UTC").replace(" ", "T")
    )
    assert f"Debt found {words.coverage(summary['lowest_coverage']).replace(' ', '')}" in strip
    equal = summary["checked"] - summary["mismatches"]
    assert f"Health factors equal {equal:,} of {summary['accounts']:,}" in strip


def test_the_headline_is_a_band_of_the_answer(shown: Shown) -> None:
    """Its amount, edges and distance; the nearest band below, or else the nearest wall."""
    name, page, _, bands = shown
    below = [band for band in bands if band["side"] == "long"]
    wide = [band for band in below if band["kind"] != "wall"] or below
    nearest = min(wide, key=lambda band: abs(band["distance"]))
    amount, *prices, distance = every(page.call(TEXT, "h1"))

    assert amount == nearest["collateral_at_risk_usd"]
    assert prices[0] == nearest["low_usd"]
    assert prices[-1] == nearest["high_usd"]
    assert distance == abs(nearest["distance"])
    assert page.js("document.title").startswith(page.call(TEXT, "h1").split(" ")[0])
    assert name in page.call(TEXT, "h1")


def test_the_tiles_are_the_answer_s(shown: Shown, site: Site) -> None:
    """Spot, the nearest range on each side, and a move of 20 % both ways."""
    name, page, row, _ = shown
    tiles = page.js("[...document.querySelectorAll('.tiles li')].map((e) => e.innerText)")
    fall, rise = (
        json.loads(asked(site, "levels", name, "--at", str(row["spot_usd"] * part)))["at"][0]
        for part in (0.8, 1.2)
    )

    assert read(tiles[0].partition("oracle")[2]) == row["spot_usd"]
    for tile, near, edge in ((1, row["below"], "high_usd"), (2, row["above"], "low_usd")):
        move, amount, price = every(tiles[tile])
        assert move == near["distance"]
        assert amount == near["collateral_at_risk_usd"]
        assert price == near[edge]
    for tile, level in ((3, fall), (4, rise)):
        _, amount, positions = every(tiles[tile])
        assert amount == level["collateral_at_risk_usd"]
        assert positions == level["positions"]


def test_the_bands_table_is_the_answer(shown: Shown) -> None:
    """Row by row, the largest first: prices, distance, amounts, accounts and shares."""
    _, page, _, bands = shown
    rows = page.call(ROWS, "#bands table.sortable")

    assert 0 < len(rows) <= len(bands)
    for row, band in zip(rows, bands, strict=False):
        who, starts, risk, strength, seizable, debt, accounts, largest = row[:8]
        prices = every(who[0])
        assert prices[0] == band["low_usd"]
        assert prices[-1] == band["high_usd"]
        assert ("▼" if band["side"] == "long" else "▲") in " ".join(who)
        assert read(starts[0]) == band["distance"]
        assert read(risk[0]) == band["collateral_at_risk_usd"]
        assert read(strength[0]) == band["strength"]
        assert read(seizable[0]) == band["seizable_usd"]
        assert read(debt[0]) == band["debt_usd"]
        assert read(accounts[0]) == band["accounts"]
        assert read(largest[0]) == band["top_account_share"]


def test_the_named_accounts_are_the_bands_largest(shown: Shown, site: Site) -> None:
    """With their price, amount and share, and a link to an explorer for their whole address."""
    _, page, _, bands = shown
    stored = reading.newest(site.store, None)
    rows = page.call(ROWS, "#bands details:first-of-type")
    urls = page.js(
        "[...document.querySelector('#bands details').querySelectorAll('a')].map((a) => a.href)"
    )
    members = answers.band_accounts(stored, bands[0], len(rows))

    assert len(rows) == len(members) >= 1
    for row, member, url in zip(rows, members, urls, strict=True):
        assert url == f"https://etherscan.io/address/{member['account']}"
        assert row[0][0] == words.short_hex(member["account"])
        assert read(row[1][0]) == member["liquidation_price_usd"]
        assert read(row[3][0]) == member["collateral_at_risk_usd"]
        assert read(row[4][0]) == member["share"]
        assert read(row[5][0]) == member["debt_usd"]


def test_the_table_of_moves_is_the_answer(shown: Shown, site: Site) -> None:
    """`bandscan levels` without options: nine falls, each with the rise of its size."""
    name, page, _, _ = shown
    levels = json.loads(asked(site, "levels", name))["at"]
    rows = page.call(ROWS, "#moves table")

    assert len(rows) == len(levels)
    for row, level in zip(rows, levels, strict=True):
        price, risk, debt, seizable, positions, accounts = (cell[0] for cell in row[:6])
        assert read(price) == level["level_usd"]
        assert read(risk) == level["collateral_at_risk_usd"]
        assert read(debt) == level["debt_usd"]
        assert read(seizable) == level["seizable_usd"]
        assert read(positions) == level["positions"]
        assert read(accounts) == level["accounts"]


def test_the_slider_says_what_the_cli_answers(shown: Shown, site: Site) -> None:
    """At a dozen places: the sentence's numbers are `bandscan levels --at` of its very level."""
    name, page, _, _ = shown
    span = page.js("+document.getElementById('move').max")
    for k in range(12):
        place = round(span * (k + 0.5) / 12)
        page.call(
            "(place) => { const move = document.getElementById('move'); move.value = place;"
            " move.dispatchEvent(new Event('input')); move.dispatchEvent(new Event('change')); }",
            place,
        )
        # the address has six digits; the sentence stands for the tick's edge itself
        shared = float(page.js("location.hash.slice(3)"))
        exact = 1.0025 ** round(math.log(shared) / math.log(1.0025))
        [level] = json.loads(asked(site, "levels", name, "--at", repr(exact)))["at"]
        price, move, *sums = every(page.call(TEXT, "#move-says"))
        assert price == level["level_usd"] == pytest.approx(shared, rel=1e-5)
        assert move == level["distance"]
        keys = ("collateral_at_risk_usd", "positions", "debt_usd", "seizable_usd")
        assert sums == [level[key] for key in keys if level["positions"]]


def test_the_ladder_reads_the_ticks(shown: Shown, site: Site) -> None:
    """Row by row, a tooltip has the dollars and positions of the ticks between its prices."""
    name, page, _, _ = shown
    ticks = json.loads(asked(site, "ticks", name))["ticks"]
    page.js("document.getElementById('reader').focus({focusVisible: true})")
    page.press("Home")
    lines = "[...document.getElementById('tip').children].map((line) => line.textContent)"
    seen = 0.0
    for _ in range(40):
        page.press("ArrowDown")
        prices, _where, total = page.js(lines)[:3]
        low, high = every(prices)
        inside = [
            tick
            for tick in ticks
            if tick["low_usd"] >= low.value - low.half
            and tick["high_usd"] <= high.value + high.half
        ]
        usd = sum(tick["collateral_at_risk_usd"] for tick in inside)
        numbers = every(total)
        if total.startswith("Nothing"):
            assert usd == 0
        elif "<" in total:
            assert 0 < usd < 1000
        else:
            assert numbers[0] == usd, prices
            assert numbers[1] == sum(tick["positions"] for tick in inside), prices
        seen += usd
    assert seen > 0


def test_protocols_are_the_answer_s(shown: Shown, site: Site) -> None:
    """Within 10, 20 and 30 % below, in all on both sides, positions, debt found."""
    name, page, _, _ = shown
    protocols = answers.protocols(reading.newest(site.store, None), name)["protocols"]
    rows = page.call(ROWS, "#protocols table")

    assert len(rows) == len(protocols)
    for row, one in zip(rows, protocols, strict=True):
        numbers = [read(cell[-1]) for cell in row[2:]]
        within = [one["within"][reach]["long"] for reach in ("10", "20", "30")]
        assert numbers[:6] == [*within, one["long_usd"], one["short_usd"], one["positions"]]
        assert row[-1][-1] == words.coverage(one["coverage"]).replace(" ", "")


def test_home_lists_every_driver_s_answer(browser: Browser, site: Site) -> None:
    """Spot, nearest ranges, sums at risk and debt; the nearest range first."""
    drivers = {
        row["driver"]: row for row in answers.drivers(reading.newest(site.store, None))["drivers"]
    }
    with browser.open(site.page("home").as_uri(), clock=site.clock) as page:
        rows = page.call(ROWS, "#drivers table")

    near = []
    for row in rows:
        answer = drivers[row[0][0]]
        assert read(row[0][1]) == answer["spot_usd"]
        assert read(row[1][0]) == answer["below"]["distance"]
        assert read(row[3][0]) == answer["above"]["distance"]
        assert read(row[4][0]) == answer["at_risk"]["long"]
        assert read(row[5][0]) == answer["at_risk"]["short"]
        assert read(row[6][0]) == answer["debt_usd"]
        near.append(min(abs(answer[side]["distance"]) for side in ("below", "above")))
    assert len(rows) == len(drivers)
    assert near == sorted(near)

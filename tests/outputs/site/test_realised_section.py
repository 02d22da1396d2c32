"""The section of liquidations that happened: what was not read never looks like none."""

import pytest
from api import happened
from cli import whales_sample

from scanner import answers
from scanner.outputs.site import pages, realised

TIME = whales_sample.TIME


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Three liquidations in a day that was read whole."""
    store = tmp_path_factory.mktemp("section") / "store"
    store.mkdir()
    happened.add(store)
    return answers.liquidations(store, None)


def html(context: dict[str, object]) -> str:
    """The section's HTML, by its own template."""
    source = "{% import 'parts.html' as parts %}{% include 'realised.html' %}"
    return pages.environment().from_string(source).render(realised=context)


def test_liquidations_are_summed_and_named(answer):
    text = html(realised.section(answer, TIME))
    assert "$14.0K of debt was repaid by force" in text
    assert "3 liquidations of 2 accounts" in text
    assert "Longs: 86% of it" in text
    assert "Not read" not in text
    assert text.count("<tr>") == 4  # a head, all, one driver, one protocol


def test_never_read_is_not_none():
    text = html(realised.section(None, TIME))
    assert "Not read" in text
    assert "No liquidation happened" not in text


def test_none_is_said_only_where_all_was_read(answer):
    quiet = {**answer, "totals": {**answer["totals"], "events": 0}}
    assert "No liquidation happened." in html(realised.section(quiet, TIME))
    gap = [{**answer["markets"][0], "complete": False}]
    text = html(realised.section({**quiet, "complete": False, "markets": gap}, TIME))
    assert "None in what was read." in text
    assert "No liquidation happened" not in text
    assert "Not read, or not whole" in text


def test_what_was_read_long_before_the_scan_says_so(answer):
    assert "before this scan" not in html(realised.section(answer, TIME))
    assert "before this scan" in html(realised.section(answer, TIME + 7_200))


def test_a_sum_without_all_prices_is_a_lower_bound(answer):
    lacking = {**answer, "totals": {**answer["totals"], "unpriced": 2}}
    text = html(realised.section(lacking, TIME))
    assert "At least $14.0K" in text
    assert "2 without a price" in text

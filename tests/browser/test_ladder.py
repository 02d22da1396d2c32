"""The ladder is read by pointer, finger and keys, all with one text; zooms show less of it."""

import re

import pytest

from browser.chromium import PHONE, Browser, Page
from browser.sites import Site

TIP = "[...document.getElementById('tip').children].map((line) => line.textContent)"
TIP_HIDDEN = "document.getElementById('tip').hidden"
READER = "document.getElementById('reader')"


def test_pointer_and_keys_read_the_same(eth: Page) -> None:
    """The tooltip of a row has one text, however one gets there; the slider says it too."""
    eth.centre("#reader")
    eth.focus("#reader")
    for step in (6, 12, 18):
        eth.press(*["ArrowDown"] * step)
        by_keys = eth.js(TIP)
        spoken = eth.js(f"{READER}.getAttribute('aria-valuetext')")
        x, y = eth.js("""(() => {
          const mark = document.getElementById('at').getBoundingClientRect();
          return [mark.left + mark.width / 3, mark.top + mark.height / 2];
        })()""")
        eth.press("Escape")
        assert eth.js(TIP_HIDDEN)
        eth.move(x, y)
        assert not eth.js(TIP_HIDDEN)
        assert eth.js(TIP) == by_keys
        eth.move(2, 2)
        assert eth.js(TIP_HIDDEN)

        prices, where, total = by_keys[:3]
        assert re.fullmatch(r"\$[\d,.]+–\$[\d,.]+", prices)
        assert re.fullmatch(r"(below|above) spot by [\d.]+%", where)
        assert spoken.startswith(f"{prices}, {where}")
        assert total.split(" ")[0] in spoken or total.startswith("Nothing at risk")


def test_a_tap_reads_too(browser: Browser, site: Site) -> None:
    """On a phone what was tapped stays when the finger is gone; a tap elsewhere ends it."""
    address = site.page().as_uri()
    with browser.open(address, PHONE, clock=site.clock, motion="reduce", touch=True) as page:
        page.centre("#reader")
        x, y, width, height = page.js(
            f"(() => {{ const b = {READER}.getBoundingClientRect();"
            " return [b.left, b.top, b.width, b.height]; })()"
        )
        page.tap(x + width / 2, y + height * 0.6)
        page.settle()
        assert not page.js(TIP_HIDDEN)
        assert "at risk" in " ".join(page.js(TIP))
        page.tap(x + width / 2, y - 40)
        page.settle()
        assert page.js(TIP_HIDDEN)


def test_the_keys_reach_both_ends_of_what_is_shown(eth: Page) -> None:
    """Home is the highest price, End the lowest; ten rows a page; the tooltip stays inside."""
    eth.centre("#reader")
    eth.focus("#reader")
    now = f"+{READER}.getAttribute('aria-valuenow')"
    places = {}
    for key in ("End", "Home"):
        eth.press(key)
        places[key] = (eth.js(now), eth.js(TIP)[1])
        assert eth.js("""(() => {
          const box = document.getElementById('tip').getBoundingClientRect();
          return box.left >= 0 && box.top >= 0 && box.right <= innerWidth
            && box.bottom <= innerHeight;
        })()""")
    eth.press("PageDown")

    assert "below" in places["End"][1]
    assert "above" in places["Home"][1]
    assert places["Home"][0] < places["End"][0]
    assert eth.js(now) == places["Home"][0] + 10


def test_zooms_show_less_of_the_same_prices(eth: Page) -> None:
    """By arrow keys on the group: axis, bars, notes and what the keys reach follow."""
    axes = """[...document.querySelectorAll('.ladder .axis > div')]
      .filter((e) => e.checkVisibility()).map((e) => e.className)"""
    eth.centre("#reader")
    reached: dict[str, float] = {}
    while (name := eth.js("document.querySelector('#zoom input:checked').value")) not in reached:
        assert eth.js(axes) == [f"w{name}"]
        eth.focus("#reader")
        eth.press("End")
        reached[name] = float(eth.js(TIP)[1].split(" ")[-1].rstrip("%"))
        eth.focus("#zoom input:checked")
        eth.press("ArrowRight")

    assert len(reached) >= 3
    for name, far in reached.items():
        assert far == pytest.approx(float(name), abs=1.5)

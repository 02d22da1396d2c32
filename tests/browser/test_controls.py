"""Everything on the page that can be worked: by pointer and by keyboard, with the same outcome."""

import re

import pytest

from browser import rules
from browser.chromium import DESKTOP, Browser, Page
from browser.hosting import hosted
from browser.sites import Site

PAGE_COLOUR = "getComputedStyle(document.body).backgroundColor"
WHITE, BLACK = "rgb(246, 247, 249)", "rgb(13, 17, 23)"


# --- theme --------------------------------------------------------------------


def test_the_theme_goes_round_and_is_remembered(browser: Browser, site: Site) -> None:
    """Auto follows the machine, light and dark do not; the next page and the next visit know."""
    label = "document.getElementById('theme').getAttribute('aria-label')"
    with (
        hosted(site.folder) as host,
        browser.open(host.url + "eth/", scheme="dark", clock=site.clock) as page,
    ):
        seen = [(page.js(label), page.js(PAGE_COLOUR))]
        for _ in range(3):
            page.click("#theme")
            seen.append((page.js(label), page.js(PAGE_COLOUR)))
        assert seen == [
            ("Theme: auto", BLACK),
            ("Theme: light", WHITE),
            ("Theme: dark", BLACK),
            ("Theme: auto", BLACK),
        ]

        page.prefer("light")
        assert page.js(PAGE_COLOUR) == WHITE
        page.click("#theme")
        page.click("#theme")
        for address in (host.url + "eth/", host.url):
            page.goto(address)
            assert (page.js(label), page.js(PAGE_COLOUR)) == ("Theme: dark", BLACK)
        assert rules.noise(page) == []


@pytest.mark.parametrize(("machine", "chosen"), [("light", "dark"), ("dark", "light")])
def test_the_map_has_the_theme_s_colours(
    browser: Browser, site: Site, machine: str, chosen: str
) -> None:
    """Of the two pictures of the past, the one of the chosen theme is shown."""
    shown = """[...document.querySelectorAll('.heat img')].filter((i) => i.checkVisibility())
      .map((i) => i.className)"""
    names = {"light": "lt", "dark": "dk"}
    with browser.open(site.page().as_uri(), scheme=machine, clock=site.clock) as page:
        assert page.js(shown) == [names[machine]]
        page.click("#theme")
        if chosen == "dark":
            page.click("#theme")
        assert page.js(shown) == [names[chosen]]
        assert page.js("document.querySelector('.heat img').naturalWidth") > 0


# --- if the price moves -------------------------------------------------------


def test_the_slider_s_keys_change_the_sentence(eth: Page) -> None:
    """A tick a key; below spot it falls, above it rises; what is spoken agrees."""
    sentence = "document.getElementById('move-says').textContent"
    spoken = "document.getElementById('move').getAttribute('aria-valuetext')"
    first = eth.js(sentence)
    eth.focus("#move")
    eth.press("ArrowLeft")
    lower = eth.js(sentence)
    eth.press("End")
    highest = eth.js(sentence)

    assert lower != first
    assert 0.0015 < 1 - dollars(lower) / dollars(first) < 0.0035
    assert first.startswith("If ETH falls to $")
    assert highest.startswith("If ETH rises to $")
    price, move = re.match(r"If ETH rises to (\S+) \((\S+)\)", highest).groups()  # type: ignore[union-attr]
    assert eth.js(spoken).startswith(f"{price}, {move}: ")


def test_the_slider_can_be_dragged(eth: Page) -> None:
    """The line in the curve follows the thumb, and the sentence with it."""
    eth.centre("#move")
    read = """(() => {
      const at = (id) => document.getElementById(id).getBoundingClientRect();
      const [line, move] = [at('here'), at('move')];
      return [line.left + line.width / 2, move.top + move.height / 2];
    })()"""
    sentence = "document.getElementById('move-says').textContent"
    x, y = eth.js(read)
    before = eth.js(sentence)
    eth.drag((x, y), (x - 200, y))

    assert eth.js(read)[0] == pytest.approx(x - 200, abs=6)
    assert dollars(eth.js(sentence)) < dollars(before)


def test_a_price_can_be_linked_to(browser: Browser, site: Site) -> None:
    """`#p=1900` sets the slider; moving it changes the address, so that it can be shared."""
    address = site.page().as_uri()
    with browser.open(f"{address}#p=1900", clock=site.clock, motion="reduce") as page:
        sentence = "document.getElementById('move-says').textContent"
        assert dollars(page.js(sentence)) == pytest.approx(1900, rel=0.003)
        page.focus("#move")
        page.press("ArrowLeft")
        shared = page.js("location.hash")
        said = page.js(sentence)
        page.goto("about:blank")
        page.goto(address + shared)
        assert page.js(sentence) == said
        assert rules.noise(page) == []


def dollars(sentence: str) -> float:
    """The first price in it."""
    return float(re.search(r"\$([\d,.]+\d)", sentence)[1].replace(",", ""))  # type: ignore[index]


# --- tables and details -------------------------------------------------------


def test_the_bands_can_be_sorted_by_keyboard(browser: Browser, site: Site) -> None:
    """A header's button: first the largest on top, then the smallest; it says which."""
    heads = "[...document.querySelectorAll('#bands table.sortable th[scope=col]')]"
    values = """(k) => [...document.querySelectorAll('#bands table.sortable tbody tr')]
      .map((row) => +row.cells[k].dataset.v)"""
    with browser.open(site.page("link").as_uri(), clock=site.clock) as page:
        names = page.js(f"{heads}.map((e) => e.innerText.trim())")
        column = names.index("Debt")
        buttons = page.js(
            "[...document.querySelectorAll('#bands table.sortable th button')]"
            ".map((e) => e.innerText.trim())"
        )
        button = buttons.index("Debt")
        before = page.call(values, column)
        page.call(
            "(k) => document.querySelectorAll('#bands table.sortable th button')[k].focus()", button
        )
        assert page.js("document.activeElement.innerText.trim()") == "Debt"
        page.press("Enter")
        down = page.call(values, column)
        said = page.js(f"{heads}[{column}].getAttribute('aria-sort')")
        page.press("Space")
        up = page.call(values, column)

        assert len(set(before)) > 2
        assert said == "descending"
        assert down == sorted(before, reverse=True)
        assert up == sorted(before)
        assert page.js(f"{heads}[{column}].getAttribute('aria-sort')") == "ascending"
        assert page.js(f"{heads}.filter((e) => e.hasAttribute('aria-sort')).length") == 1


def test_details_open_by_key_and_the_reading_help_stays_shut(browser: Browser, site: Site) -> None:
    """Enter unfolds and folds; who has shut "How to read this" finds it shut."""
    folded = "document.querySelector('#moves details')"
    with (
        hosted(site.folder) as host,
        browser.open(host.url + "eth/", clock=site.clock, motion="reduce") as page,
    ):
        page.focus("#moves summary")
        states = []
        for _ in range(2):
            page.press("Enter")
            states.append(page.js(f"{folded}.open"))
        assert states == [True, False]

        assert page.js("document.getElementById('how').open")
        page.click("#how summary")
        page.settle()
        page.reload()
        assert not page.js("document.getElementById('how').open")


def test_a_link_to_a_band_shows_it(eth: Page) -> None:
    """The letter beside the ladder leads to the band's row."""
    target = eth.js("document.querySelector('.notes a.tag').getAttribute('href')")
    eth.js("document.querySelector('.notes a.tag').click()")
    top, bottom = eth.call(
        "(s) => { const box = document.querySelector(s).getBoundingClientRect();"
        " return [box.top, box.bottom]; }",
        target,
    )

    assert target.startswith("#band-")
    assert 0 <= top < bottom <= DESKTOP[1]


def test_sharing_without_the_system_s_dialog_says_what_happened(eth: Page) -> None:
    """The address is copied, or one is told where it is."""
    eth.click("#share")
    told = eth.js("""new Promise((done) => setTimeout(() => done(
      document.getElementById('spoken').textContent), 150))""")
    assert told in ("Link copied", "The link is in the address bar")

"""Everything on the page that can be worked: by pointer and by keyboard, with the same outcome."""

import re
from collections.abc import Iterator

import pytest

from browser import rules
from browser.chromium import DESKTOP, PHONE, Browser, Page
from browser.hosting import hosted
from browser.sites import Site

TIP = "[...document.getElementById('tip').children].map((line) => line.textContent)"
TIP_HIDDEN = "document.getElementById('tip').hidden"
READER = "document.getElementById('reader')"
PAGE_COLOUR = "getComputedStyle(document.body).backgroundColor"
WHITE, BLACK = "rgb(246, 247, 249)", "rgb(13, 17, 23)"


@pytest.fixture
def eth(browser: Browser, site: Site) -> Iterator[Page]:
    """ETH's page; nothing glides, so that a test need not wait."""
    with browser.open(site.page().as_uri(), clock=site.clock, motion="reduce") as page:
        yield page
        assert rules.noise(page) == []


def focus(page: Page, selector: str) -> None:
    """As by the Tab key: the focus is seen."""
    page.call("(s) => document.querySelector(s).focus({focusVisible: true})", selector)


def centre(page: Page, selector: str) -> None:
    page.call("(s) => document.querySelector(s).scrollIntoView({block: 'center'})", selector)
    settle(page)


def settle(page: Page) -> None:
    """Let events of the last action reach the page."""
    page.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


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


# --- reading the ladder -------------------------------------------------------


def test_pointer_and_keys_read_the_same(eth: Page) -> None:
    """The tooltip of a row has one text, however one gets there; the slider says it too."""
    centre(eth, "#reader")
    focus(eth, "#reader")
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
        centre(page, "#reader")
        x, y, width, height = page.js(
            f"(() => {{ const b = {READER}.getBoundingClientRect();"
            " return [b.left, b.top, b.width, b.height]; })()"
        )
        page.tap(x + width / 2, y + height * 0.6)
        settle(page)
        assert not page.js(TIP_HIDDEN)
        assert "at risk" in " ".join(page.js(TIP))
        page.tap(x + width / 2, y - 40)
        settle(page)
        assert page.js(TIP_HIDDEN)


def test_the_keys_reach_both_ends_of_what_is_shown(eth: Page) -> None:
    """Home is the highest price, End the lowest; ten rows a page; the tooltip stays inside."""
    centre(eth, "#reader")
    focus(eth, "#reader")
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
    centre(eth, "#reader")
    reached: dict[str, float] = {}
    while (name := eth.js("document.querySelector('#zoom input:checked').value")) not in reached:
        assert eth.js(axes) == [f"w{name}"]
        focus(eth, "#reader")
        eth.press("End")
        reached[name] = float(eth.js(TIP)[1].split(" ")[-1].rstrip("%"))
        focus(eth, "#zoom input:checked")
        eth.press("ArrowRight")

    assert len(reached) >= 3
    for name, far in reached.items():
        assert far == pytest.approx(float(name), abs=1.5)


# --- if the price moves -------------------------------------------------------


def test_the_slider_s_keys_change_the_sentence(eth: Page) -> None:
    """A tick a key; below spot it falls, above it rises; what is spoken agrees."""
    sentence = "document.getElementById('move-says').textContent"
    spoken = "document.getElementById('move').getAttribute('aria-valuetext')"
    first = eth.js(sentence)
    focus(eth, "#move")
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
    centre(eth, "#move")
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
        focus(page, "#move")
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
        before = page.call(values, column)
        page.call(
            "(k) => document.querySelectorAll('#bands table.sortable th button')[k].focus()", 4
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
        focus(page, "#moves summary")
        states = []
        for _ in range(2):
            page.press("Enter")
            states.append(page.js(f"{folded}.open"))
        assert states == [True, False]

        assert page.js("document.getElementById('how').open")
        page.click("#how summary")
        settle(page)
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

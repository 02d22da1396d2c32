"""Geometry: zooms, labels, notes that do not overlap, bars, the map's picture."""

import io
import json
import math
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from outputs.site.reading_pages import Element, Page, page
from scanner.core.window import around
from scanner.outputs.site import png
from scanner.outputs.site.names import slugs
from scanner.outputs.site.places import Places
from scanner.outputs.site.views import PER_ROW, labels, layer, spread, views

PRICES = st.floats(1e-7, 1e8)


@given(spot=PRICES)
def test_every_zoom_has_readable_round_prices(spot: float):
    """At most eleven, apart from one another and from spot, inside the picture."""
    for view in views(spot, around(spot, 0.6, PER_ROW), 0.45):
        shown = labels(view, spot)

        assert 1 <= len(shown) <= 11
        places = [view.y(price) for price in shown]
        assert all(2 <= y <= 97 for y in places)
        assert all(a - b > 5 for a, b in pairwise(places))
        assert all(abs(y - view.y(spot)) > 4 for y in places)


@given(spot=PRICES)
def test_a_zoom_moves_the_drawing_to_where_its_prices_are(spot: float):
    """What the whole window draws at a price lies, stretched, where the view has that price."""
    window = around(spot, 0.6, PER_ROW)
    for view in views(spot, window, 0.45):
        top, height = (float(part.split(":")[1][:-1]) for part in layer(view, window).split(";"))
        for price in (view.low, spot, view.high):
            assert top + height * window.place(price) == pytest.approx(view.y(price), abs=0.05)


@given(st.lists(st.tuples(st.floats(-5, 105), st.floats(1, 11)), max_size=7))
def test_notes_never_overlap_nor_leave_the_picture(items: list[tuple[float, float]]):
    """Whatever they want, as long as there is room for all."""
    items.sort()
    wanted, heights = [y for y, _ in items], [h for _, h in items]

    placed = spread(wanted, heights, 5, 95)

    for k, (y, height) in enumerate(zip(placed, heights, strict=True)):
        assert y - height / 2 >= 5 - 1e-6
        assert y + height / 2 <= 95 + 1e-6
        if k:
            assert y - placed[k - 1] >= (height + heights[k - 1]) / 2 - 1e-6


def test_notes_with_room_stay_where_they_are():
    """Nothing is moved without need."""
    assert spread([20.0, 50.0, 80.0], [10.0] * 3, 0, 100) == [20.0, 50.0, 80.0]


def test_the_map_is_the_picture_of_its_grades():
    """An odd number of columns, transparent where nothing is stored."""
    grades = np.array([[0, 1, 2], [8, 8, 3]], np.uint8)
    colours = ["#ffffff", "#f1f5f9", "#dde8f2", "#bcd4e8", *["#000000"] * 4, ""]

    picture = Image.open(io.BytesIO(png.indexed(grades, colours))).convert("RGBA")

    assert picture.size == (3, 2)
    assert picture.getpixel((1, 0)) == (0xF1, 0xF5, 0xF9, 255)
    assert picture.getpixel((2, 1)) == (0xBC, 0xD4, 0xE8, 255)
    assert picture.getpixel((0, 1))[3] == 0


def test_bars_of_the_whales_are_as_long_as_their_dollars(whales: Path):
    """Six blocks that end in a cap, linear from zero, the longest filling the scale but 3 %."""
    found = page(whales / "eth" / "index.html")
    [bars] = [one for one in found.all("svg") if "bars" in one.classes]
    [path] = [one for one in found.all("path") if one.inside[-1] is bars and "b" in one.classes]
    [caps] = [one for one in found.all("path") if one.inside[-1] is bars and "caps" in one.classes]
    lengths = sorted(
        int(part.split("h")[1]) for part in path.attrs["d"].split("M")[1:] if "h" in part
    )

    assert caps.attrs["d"].count("M") == 6
    dollars = sorted([373.16, 277.5, 220.02, 145.62, 107.7, 71.2436])
    scale = lengths[-1] / dollars[-1]
    assert lengths[-6:] == [pytest.approx(usd * scale, abs=1.5) for usd in dollars]


def test_equal_places_share_a_class_and_zooms_differ():
    """The page's positions are rules of its one style sheet."""
    places = Places(("45", "15"))

    assert places.at("top:1%") == places.at("top:1%") != places.at("top:2%")
    zoomed = places.per_view({"45": "top:3%", "15": "display:none"})
    css = places.css()

    assert f".{zoomed}{{top:3%}}" in css
    assert f":root:has(#zoom-15:checked){{.{zoomed}{{display:none}}" in css


@given(st.lists(st.text(max_size=40), unique=True, max_size=8))
def test_folders_of_drivers_are_plain_and_distinct(names: list[str]):
    """Whatever tokens call themselves."""
    found = slugs(names)

    assert list(found) == names
    assert len(set(found.values())) == len(names)
    for slug in found.values():
        assert math.prod(c in "abcdefghijklmnopqrstuvwxyz0123456789-" for c in slug)
        assert slug
        assert slug not in {"v1", "data", "index", "con", "nul"}


def rules(found: Page) -> dict[str, dict[str, str]]:
    """Per zoom the declarations of each class that depends on it; the first zoom is "first"."""
    first, *others = found.all("style")[0].text.split(":root:has(#zoom-")
    parts = {"first": first, **{part[:2]: part for part in others}}
    return {name: dict(re.findall(r"\.(z\d+)\{([^}]*)\}", text)) for name, text in parts.items()}


def tops(found: Page, element: Element) -> dict[str, float]:
    """Where an element stands in the zooms that show it. [%]"""
    [name] = [one for one in element.classes if re.fullmatch(r"z\d+", one)]
    declared = {zoom: each[name] for zoom, each in rules(found).items()}
    return {
        zoom: float(text.split("top:")[1].split("%")[0])
        for zoom, text in declared.items()
        if text != "display:none"
    }


@pytest.mark.parametrize("name", ["eth", "btc", "link"])
def test_notes_of_falls_stand_below_spot_and_those_of_rises_above(month: Path, name: str):
    """In every zoom, and spot's own note is at spot's line: below and above are never mixed up."""
    found = page(month / name / "index.html")
    bands = json.loads((month / "v1" / name / "bands.json").read_bytes())["bands"]
    bands.sort(key=lambda row: (-row["collateral_at_risk_usd"], row["low_usd"]))
    side = {chr(ord("A") + k): row["side"] for k, row in enumerate(bands)}
    [line] = [tops(found, one) for one in found.all("span") if "spotline" in one.classes]
    notes = [one for one in found.all("p") if "note" in one.classes]

    [spot] = [tops(found, one) for one in notes if "spot" in one.classes]
    assert spot == line
    shown = 0
    for note in notes:
        if "spot" not in note.classes:
            for zoom, top in tops(found, note).items():
                assert (top > line[zoom]) == (side[note.text.split()[0]] == "long")
                shown += 1
    assert shown >= 4


def test_what_the_first_zoom_hides_is_shown_again_by_the_others(month: Path):
    """A note that only a wider zoom has."""
    first, *others = rules(page(month / "link" / "index.html")).values()
    hidden = [name for name, text in first.items() if text == "display:none"]

    assert hidden
    for name in hidden:
        assert all("display:" in each[name] for each in others)
        assert any(each[name] != "display:none" for each in others)

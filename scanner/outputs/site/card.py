"""The picture that a shared link shows: 1200 x 630 PNG, with Pillow's own font and nothing else.

That font has the letters of ASCII and little more, so the text is put into them.
"""

import io
from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scanner.core.window import rows
from scanner.outputs.site import figures, ladder
from scanner.outputs.site.amounts import Amounts
from scanner.outputs.site.model import Driver, Scan
from scanner.outputs.site.views import PER_ROW, View, labels, views
from scanner.outputs.words import symbol

WIDE, HIGH = 1200, 630
_PAGE, _PANEL, _INK, _INK2 = "#f6f7f9", "#ffffff", "#14181f", "#4d5866"
_BAND, _TINT, _RULE = "#b45309", "#fbeedd", "#dfe4ea"
_STATES = {
    "ok": ("#0b6b4f", "#e4f4ee"),
    "warn": ("#8a4b00", "#fff3dc"),
    "bad": ("#a5182c", "#fdeaec"),
}
_PLAIN = str.maketrans(
    {"−": "-", "–": "-", "’": "'", "×": "x", "≥": ">", "·": "-", "“": '"', "”": '"'}
)
_MARGIN = 64


def plain(text: str) -> str:
    """
    >>> plain("≥$1.20B at −13.4%, $1,781–$1,862"), plain("Ξ")
    ('at least $1.20B at -13.4%, $1,781-$1,862', '?')
    """
    text = text.replace("≥", "at least ").translate(_PLAIN)
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def card(scan: Scan, title: str, state: str, drivers: Sequence[Driver]) -> bytes:
    """The card of a driver's page, or with several (or none) of the home page. `state`: of the
    strip."""
    picture = Image.new("RGB", (WIDE, HIGH), _PAGE)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 12, HIGH), fill=_BAND)
    for y, long in ((56, 22), (67, 46), (78, 32)):
        draw.rectangle((_MARGIN, y, _MARGIN + long, y + 6), fill=_BAND)
    _text(draw, (_MARGIN + 62, 52), "bandscan", 32, bold=True)
    _state(draw, scan, state)
    size, lines = _fitted(draw, plain(title), WIDE - 2 * _MARGIN)
    top = 126.0
    for line in lines:
        _text(draw, (_MARGIN, top), line, size, bold=True)
        top += size * 1.2
    if len(drivers) == 1:
        _picture(draw, drivers[0], max(int(top) + 34, 330))
    else:
        _table(draw, scan, drivers, top + 30)
    when = f"{symbol(scan.chain)} - block {scan.document['block']['number']:,}"
    _text(
        draw, (_MARGIN, HIGH - 56), plain(f"{when} - {figures.moment(scan.timestamp)}"), 25, _INK2
    )
    stream = io.BytesIO()
    picture.quantize(64, dither=Image.Dither.NONE).save(stream, "PNG")
    return stream.getvalue()


def _state(draw: ImageDraw.ImageDraw, scan: Scan, state: str) -> None:
    word = "Complete" if scan.complete else "Incomplete"
    ink, ground = _STATES[state]
    wide = draw.textlength(word, _font(26)) + 44
    box = (WIDE - _MARGIN - wide, 50, WIDE - _MARGIN, 94)
    draw.rounded_rectangle(box, 10, fill=ground)
    _text(draw, (box[0] + 22, 58), word, 26, ink, bold=True)


def _fitted(draw: ImageDraw.ImageDraw, text: str, wide: float) -> tuple[int, list[str]]:
    """The largest size at which the text takes three lines, and the lines."""
    for size in (58, 52, 46, 40, 34):
        lines = _lines(draw, text, size, wide)
        if len(lines) <= 3:
            return size, lines
    return 34, [*lines[:2], lines[2] + "..."]


def _lines(draw: ImageDraw.ImageDraw, text: str, size: int, wide: float) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and draw.textlength(longer, _font(size)) <= wide:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _table(draw: ImageDraw.ImageDraw, scan: Scan, drivers: Sequence[Driver], top: float) -> None:
    """A line per driver: spot, and the next range below and above."""
    amounts = Amounts(scan.complete)
    for driver in drivers[: int((HIGH - 90 - top) // 50)]:
        below, above = (
            "none"
            if row is None
            else f"{figures.move(row['distance'])}  {amounts.usd(row['collateral_at_risk_usd'])}"
            for row in (driver.row["below"], driver.row["above"])
        )
        cells = (symbol(driver.name), figures.spot(driver.spot), below, above)
        draw.line((_MARGIN, top - 9, WIDE - _MARGIN, top - 9), fill=_RULE, width=2)
        for k, (text, x) in enumerate(zip(cells, (0, 190, 420, 760), strict=True)):
            shown = _cut(draw, plain(text), 30, 330 if k else 180)
            _text(draw, (_MARGIN + x, top), shown, 30, _INK2 if k == 1 else _INK)
        top += 50


def _cut(draw: ImageDraw.ImageDraw, text: str, size: int, wide: float) -> str:
    while draw.textlength(text, _font(size)) > wide:
        text = text[:-4] + "..."
    return text


def _picture(draw: ImageDraw.ImageDraw, driver: Driver, top: int) -> None:
    """The ladder, lying: low prices on the left."""
    view = next(one for one in views(driver.spot, driver.window, 0.45) if one.reach == 0.45)
    left, right, bottom = _MARGIN, WIDE - _MARGIN, HIGH - 112

    def x(price: float) -> float:
        return right - (right - left) * min(max(view.y(price), 0.0), 100.0) / 100

    for one in driver.ranges:
        low, high = ladder.ends(one.row)
        if view.seen(low, high) is not None:
            box = (x(low), top - 8, max(x(high), x(low) + 2), bottom)
            draw.rectangle(box, fill=_TINT)
            draw.line((box[0], box[1], box[0], bottom), fill=_BAND, width=2)
            draw.line((box[2], box[1], box[2], bottom), fill=_BAND, width=2)
    for start, end, height in _bars(driver, view, left, right, bottom - top):
        draw.rectangle((start, bottom - height, end, bottom), fill="#56606c")
    draw.line((left, bottom, right, bottom), fill=_INK2, width=2)
    draw.line((x(driver.spot), top - 8, x(driver.spot), bottom), fill=_INK, width=4)
    for price in labels(view, driver.spot):
        _text(draw, (x(price), bottom + 8), figures.axis_price(price), 20, _INK2, middle=True)
    spot = f"{plain(symbol(driver.name))} {figures.spot(driver.spot)}"
    wide = draw.textlength(spot, _font(24)) + 8
    at = x(driver.spot)
    start = at + 10 if at + 10 + wide < right else at - 10 - wide
    draw.rectangle((start - 4, top - 10, start + wide, top + 22), fill=_PAGE)
    _text(draw, (start, top - 8), spot, 24, bold=True)


def _bars(
    driver: Driver, view: View, left: int, right: int, tall: int
) -> Sequence[tuple[float, float, float]]:
    ticks = driver.ticks
    sums = rows(
        view.window,
        PER_ROW,
        [tick["tick"] for tick in ticks],
        [tick["collateral_at_risk_usd"] for tick in ticks],
    )[::-1]
    heights = np.sqrt(sums / (sums.max(initial=0.0) or 1.0)) * tall
    step = (right - left) / len(sums)
    return [
        (left + k * step + 1, left + (k + 1) * step - 1, max(float(height), 2.0))
        for k, height in enumerate(heights)
        if sums[k] > 0
    ]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _text(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size: int,
    ink: str = _INK,
    *,
    bold: bool = False,
    middle: bool = False,
) -> None:
    width = size // 30 if bold else 0  # below that the letters would run together
    draw.text(
        at,
        text,
        ink,
        _font(size),
        anchor="ma" if middle else None,
        stroke_width=width,
        stroke_fill=ink,
    )

"""One line as SVG, for READMEs: the nearest band below spot."""

from scanner.outputs.site import figures, sentences
from scanner.outputs.site.amounts import Amounts
from scanner.outputs.site.model import Driver
from scanner.outputs.site.pages import environment
from scanner.outputs.words import symbol

_WIDE = 6.6  # of a character at 11 px; the text is told its length, so that no font overflows


def badge(driver: Driver, amounts: Amounts) -> bytes:
    """The driver's name, and how far away how much is."""
    left = symbol(driver.name)
    one = sentences.told_first(driver)
    right = "no band below"
    if one is not None:
        usd = amounts.usd(one.row["collateral_at_risk_usd"])
        right = f"{figures.move(one.row['distance'])} {usd}"
    widths = [round(len(text) * _WIDE) for text in (left, right)]
    text = (
        environment()
        .get_template("badge.svg")
        .render(left=left, right=right, a=widths[0], b=widths[1])
    )
    return text.encode()

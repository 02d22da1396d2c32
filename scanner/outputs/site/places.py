"""Positions as CSS classes.

The pages' content security policy allows their one style sheet and no style attribute. So whatever
has its own place on a page asks for a class here, and the rules join the style sheet. Equal
declarations share a class.
"""

from collections.abc import Mapping

HIDDEN = "display:none"


def short(number: float) -> str:
    """
    >>> short(12.34567), short(50.0), short(-0.0001)
    ('12.346', '50', '0')
    """
    text = f"{number:.3f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


class Places:
    """Hands out classes; `css` has their rules.

    `views`: the zooms of the page, the one that is shown first in front. A declaration may differ
    between them; the radio button `#zoom-<view>` tells which of them holds. What has the class
    `w<view>` is shown in that zoom only.
    """

    def __init__(self, views: tuple[str, ...] = ()) -> None:
        self._views = views
        self._same: dict[str, str] = {}
        self._differing: dict[tuple[str, ...], str] = {}

    def at(self, declaration: str) -> str:
        """The class of a declaration, say "top:12%"."""
        return self._same.setdefault(declaration, f"s{len(self._same)}")

    def per_view(self, declarations: Mapping[str, str], display: str = "block") -> str:
        """The class of a declaration that depends on the zoom; `display` is how it is shown again
        where the first view has `HIDDEN`."""
        first = declarations[self._views[0]]
        again = f";display:{display}" if first == HIDDEN else ""
        key = tuple(
            declarations[view] + again * (declarations[view] != HIDDEN) for view in self._views
        )
        return self._differing.setdefault(key, f"z{len(self._differing)}")

    def css(self) -> str:
        """The rules, those of the first view without a condition."""
        lines = [f".{name}{{{text}}}" for text, name in self._same.items()]
        others = ",".join(f".w{view}" for view in self._views[1:])
        if others:
            lines.append(f"{others}{{display:none}}")
        for number, view in enumerate(self._views):
            rules = "".join(f".{name}{{{key[number]}}}" for key, name in self._differing.items())
            if number:
                rules += f".w{view}{{display:block}}.w{self._views[0]}{{display:none}}"
                rules = f":root:has(#zoom-{view}:checked){{{rules}}}"
            lines.append(rules)
        return "\n".join(lines)

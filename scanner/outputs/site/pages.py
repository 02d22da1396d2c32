"""Templates to whole HTML pages: a style sheet and two scripts inside, allowed by their hashes."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from scanner.outputs.site import figures, heat
from scanner.outputs.site.places import Places

TEMPLATES = Path(__file__).parent / "templates"
_SHEETS = ("style", "narrow", "media")  # the later one wins


@cache
def environment() -> Environment:
    """The templates, with everything escaped that is not marked as safe."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(moment=figures.moment, iso=figures.iso, hours=_hours, whole=whole)
    return found


def page(template: str, context: Mapping[str, Any], places: Places) -> bytes:
    """A page as it is served. `context["numbers"]`, where given, is JSON without "<" and "&"."""
    filled = {**context, "numbers": Markup(context.get("numbers", ""))}
    html = _squeezed(environment().get_template(template).render(filled))
    parts = {"HEAD": _script("head.js"), "PAGE": _script("page.js"), "STYLE": _style(places)}
    policy = (
        f"default-src 'none'; style-src {_hash(parts['STYLE'])};"
        f" script-src {_hash(parts['HEAD'])} {_hash(parts['PAGE'])};"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )
    for name, text in {"CSP": policy, **parts}.items():
        head, mark, rest = html.partition(f"@{name}@")
        assert mark, f"the base template has no place for {name}"
        html = head + text + rest
    return html.encode()


def whole(text: str) -> Markup:
    """Text in which a range of prices stays on one line.

    >>> str(whole("from <$1–$2 on"))
    'from <span class="nw">&lt;$1–$2</span> on'
    """
    parts = re.split(r"(\S+–\S+)", text)
    return Markup("").join(
        Markup('<span class="nw">{}</span>').format(part) if k % 2 else part
        for k, part in enumerate(parts)
    )


def _hours(number: float) -> str:
    return f"{number:g} hour{'s' * (number != 1)}"


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _script(name: str) -> str:
    lines = (line.strip() for line in (TEMPLATES / name).read_text().splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


@cache
def _sheet() -> str:
    texts = ((TEMPLATES / f"{name}.css").read_text() for name in _SHEETS)
    text = re.sub(r"/\*.*?\*/|\n", "", "".join(texts))
    grades = zip(heat.LIGHT, heat.DARK, strict=True)
    return text + "".join(f".h{k}{{fill:light-dark({a},{b})}}" for k, (a, b) in enumerate(grades))


def _style(places: Places) -> str:
    return _sheet() + places.css()


def _squeezed(html: str) -> str:
    """Without indents and empty lines; what stands in <pre> has none."""
    lines = (line.strip() for line in html.splitlines())
    return "\n".join(line for line in lines if line)


def tabs(drivers: Sequence[tuple[str, str]], root: str, current: str) -> list[dict[str, Any]]:
    """Links to the drivers' pages: (text, slug) pairs, and which of them is open."""
    return [
        {"text": text, "href": f"{root}{slug}/index.html", "current": slug == current}
        for text, slug in drivers
    ]

"""Reads a page as a browser does before it draws: elements, their attributes, and visible text."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "br", "input", "rect", "path", "hr"}
SILENT = {"script", "style", "title", "head"}


@dataclass
class Element:
    """One element; `text` is all that stands in it, `inside` the elements around it."""

    tag: str
    attrs: dict[str, str]
    inside: list["Element"] = field(repr=False)
    text: str = ""

    @property
    def classes(self) -> set[str]:
        """Its classes."""
        return set(self.attrs.get("class", "").split())


class Page(HTMLParser):
    """A parsed page. `pieces`: each visible text with the elements it stands in."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.elements: list[Element] = []
        self.pieces: list[tuple[str, list[Element]]] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {[one.tag for one in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, list(self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, list(self._open))
        self.elements.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data
        if data.strip() and not any(element.tag in SILENT for element in self._open):
            self.pieces.append((data, list(self._open)))

    def all(self, tag: str, **attrs: str) -> list[Element]:
        """Elements with this tag and these attributes."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attrs.items()}
        return [
            one
            for one in self.elements
            if one.tag == tag and all(one.attrs.get(k) == v for k, v in wanted.items())
        ]

    def one(self, id: str) -> Element:
        """The element with this id."""
        [found] = [element for element in self.elements if element.attrs.get("id") == id]
        return found

    @property
    def text(self) -> str:
        """All visible text, blanks squeezed."""
        return " ".join(" ".join(piece.split()) for piece, _ in self.pieces)


def page(path: Path) -> Page:
    """Read a page from a file."""
    return Page(path.read_text())

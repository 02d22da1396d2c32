"""What holds for every page, each as a list of what breaks it: empty when nothing does."""

from collections.abc import Sequence
from typing import Any

from browser.chromium import Page

_OWN = ("data:", "blob:", "about:")


def noise(page: Page) -> list[str]:
    """Errors and warnings in the console, and exceptions nobody caught."""
    seen = page.seen()
    told = [one for one in seen["console"] if one["type"] in ("error", "warn")]
    return [*seen["errors"], *(f"{one['type']}: {one['text']} ({one['where']})" for one in told)]


def foreign(page: Page, home: str) -> list[str]:
    """Requests to anybody but what begins with `home`."""
    urls = [request["url"] for request in page.seen()["requests"]]
    return [url for url in urls if not url.startswith((home, *_OWN))]


def requests(page: Page) -> list[str]:
    """Requests for anything but the document itself."""
    asked = page.seen()["requests"]
    return [f"{one['kind']}: {one['url']}" for one in asked if not _is_document(one)]


def _is_document(request: dict[str, str]) -> bool:
    return request["kind"] == "document" or request["url"].startswith(_OWN)


def sideways(page: Page) -> list[str]:
    """What is wider than the window, so that the whole page scrolls sideways."""
    found: list[str] = page.js(_SIDEWAYS)
    return found


_SIDEWAYS = """(() => {
  const root = document.documentElement, wide = root.clientWidth;
  if (Math.max(root.scrollWidth, document.body.scrollWidth) <= wide) return [];
  const past = [...document.body.querySelectorAll('*')]
    .map((e) => [e, e.getBoundingClientRect()])
    .filter(([, box]) => box.width && box.right > wide + 0.5)
    .map(([e, box]) => `${e.tagName.toLowerCase()}${e.id && '#' + e.id}.${
      e.getAttribute('class') || ''} ends at ${Math.round(box.right)} of ${wide}`);
  return [`the page is ${root.scrollWidth} wide, the window ${wide}`, ...past.slice(0, 8)];
})()"""


def collisions(page: Page, selector: str) -> list[str]:
    """Texts among what the selector finds that are printed over each other."""
    found: list[str] = page.call(_COLLISIONS, selector)
    return found


_COLLISIONS = """(selector) => {
  const boxes = [...document.querySelectorAll(selector)]
    .filter((e) => e.checkVisibility({visibilityProperty: true}) && e.innerText.trim())
    .map((e) => {
      const text = document.createRange();
      text.selectNodeContents(e);
      return [e.innerText.replace(/\\s+/g, ' '), text.getBoundingClientRect()];
    }).filter(([, box]) => box.width && box.height);
  const over = ([, a], [, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2;
  return boxes.flatMap((one, k) => boxes.slice(k + 1).filter((other) => over(one, other))
    .map((other) => `${one[0]} | ${other[0]}`));
}"""


def shifts(page: Page) -> list[str]:
    """What moved by itself since the page was opened, above a hundredth of the window in all."""
    found: dict[str, Any] = page.js(_SHIFTS)
    return [] if found["sum"] < 0.01 else [f"moved {found['sum']:.3f}", *found["what"]]


_SHIFTS = """new Promise((done) => {
  const seen = [];
  new PerformanceObserver((list) => seen.push(...list.getEntries()))
    .observe({type: 'layout-shift', buffered: true});
  setTimeout(() => done({
    sum: seen.filter((s) => !s.hadRecentInput).reduce((a, s) => a + s.value, 0),
    what: seen.flatMap((s) => s.sources.map((o) => o.node && (o.node.outerHTML ||
      o.node.textContent).slice(0, 120))).slice(0, 8),
  }), 120);
})"""


def barriers(page: Page, only: Sequence[str] | None = None) -> list[str]:
    """What axe calls serious or critical, with everything unfolded."""
    page.js("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    found = page.axe(only)
    assert found["passes"], "axe looked at nothing"
    return [
        f"{one['impact']} {one['id']}: {node['target']}: {node['why']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def dead_controls(page: Page) -> list[str]:
    """Visible controls that need a script: for pages opened without."""
    found: list[str] = page.js(_CONTROLS)
    return found


_CONTROLS = """[...document.querySelectorAll(
    'button, input, select, textarea, [role=button], [role=slider], [role=tab], [tabindex]')]
  .filter((e) => e.checkVisibility({visibilityProperty: true}) && e.tabIndex >= 0)
  .map((e) => e.outerHTML.slice(0, 120))"""


def tab_stops(page: Page, key: str = "Tab", most: int = 400) -> list[dict[str, Any]]:
    """Every stop of the Tab key from where the page is now until the focus has left it.

    {"name", "ring": whether the focus is seen, "shown": whether it is inside the window}

    Raises
    ------
    AssertionError
        The focus does not leave the page: a trap.
    """
    stops: list[dict[str, Any]] = []
    for _ in range(most):
        page.press(key)
        stop = page.js(_STOP)
        if stop is None:
            return stops
        stops.append(stop)
        last = [one["name"] for one in stops[-3:]]
        assert len(last) < 3 or len(set(last)) > 1, f"the focus stays on {last[0]}"
    raise AssertionError(f"{most} stops and no end: {stops[-1]['name']}")


_STOP = """(() => {
  const e = document.activeElement;
  if (!e || e === document.body || !document.hasFocus()) return null;
  const style = getComputedStyle(e), box = e.getBoundingClientRect();
  const outline = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  const all = [...document.querySelectorAll('*')];
  return {
    name: `${all.indexOf(e)} ${e.outerHTML.slice(0, 100)}`,
    ring: e.matches(':focus-visible') && (outline || style.boxShadow !== 'none'),
    shown: box.width > 0 && box.height > 0 && box.right > 0 && box.bottom > 0
      && box.left < innerWidth && box.top < innerHeight,
  };
})()"""

"""The rules can fail: each finds the fault in a page made to have it, and none in a sound one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from browser import links, rules
from browser.chromium import PHONE, Browser, Page
from browser.hosting import hosted
from browser.unpacked import HERE

SOUND = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sound</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<style>:focus-visible { outline: 3px solid blue }</style></head><body><main><h1>Sound</h1>
<p><a href="#end">Down</a> <button>Push</button></p><p id="end" style="margin:0">End</p>%s
</main></body></html>"""


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Callable[..., Page]:
    """A page with this in it, opened from disk at a phone's size."""

    def opened(fault: str = "", *, script: bool = True) -> Page:
        file = tmp_path / "index.html"
        file.write_text(SOUND % fault)
        return browser.open(file.as_uri(), PHONE, script=script)

    return opened


Rule = Callable[[Page], list[str]]
AT_HOME: Rule = lambda page: rules.foreign(page, "file://")  # noqa: E731
CLASH: Rule = lambda page: rules.collisions(page, "p, b")  # noqa: E731
STOPS: Rule = lambda page: [s["name"] for s in rules.tab_stops(page) if not s["ring"]]  # noqa: E731

FAULTS: list[tuple[Rule, str, str]] = [
    (rules.noise, "<script>console.error('spilt milk')</script>", "error: spilt milk"),
    (rules.noise, "<script>console.warn('thin ice')</script>", "warn: thin ice"),
    (rules.noise, "<script>nowhere()</script>", "nowhere is not defined"),
    (AT_HOME, '<img alt="" src="http://127.0.0.1:1/pixel.png">', "http://127.0.0.1:1/pixel.png"),
    (AT_HOME, "<script>fetch('http://127.0.0.1:1/a').catch(() => 0)</script>", "127.0.0.1:1/a"),
    (rules.requests, '<img alt="" src="picture.png">', "image: file:"),
    (rules.sideways, '<p style="width:500px">wide</p>', "p. ends at 508 of 390"),
    (CLASH, '<p>under</p><b style="position:relative;top:-36px">over</b>', "under | over"),
    (rules.barriers, '<p style="color:#bbb;background:#fff">pale</p>', "serious color-contrast"),
    (rules.barriers, "<details>folded<img src='data:,'></details>", "critical image-alt"),
    (STOPS, '<button style="outline:none">Unseen</button>', "Unseen"),
]


@pytest.mark.parametrize(("rule", "fault", "complaint"), FAULTS)
def test_a_rule_finds_its_fault(
    show: Callable[..., Page], rule: Rule, fault: str, complaint: str
) -> None:
    """And says which; a page without it passes."""
    with show() as page:
        assert rule(page) == []
    with show(fault) as page:
        assert complaint in " ".join(rule(page))


def test_what_moves_by_itself_is_found(show: Callable[..., Page]) -> None:
    """A box that grows after the first frame pushes down what follows."""
    grows = """<div id="box"></div><p style="height:300px">pushed</p><script>
      requestAnimationFrame(() => setTimeout(() => { box.style.height = '200px'; }, 30));
    </script>"""
    with show() as page:
        assert rules.shifts(page) == []
    with show(grows) as page:
        assert "pushed" in " ".join(rules.shifts(page))


def test_a_keyboard_trap_is_found(show: Callable[..., Page]) -> None:
    """Whether the focus stays on one thing, or goes round between two."""
    stuck = """<button onkeydown="event.preventDefault()">Stuck</button>"""
    circle = """<button id="a" onkeydown="b.focus(); event.preventDefault()">A</button>
      <button id="b" onkeydown="a.focus(); event.preventDefault()">B</button>"""
    with show() as page:
        assert len(rules.tab_stops(page)) == 2
    with show(stuck) as page, pytest.raises(AssertionError, match=r"the focus stays on .*Stuck"):
        rules.tab_stops(page)
    with show(circle) as page, pytest.raises(AssertionError, match="no end"):
        rules.tab_stops(page, most=40)


def test_a_control_without_its_script_is_found(show: Callable[..., Page]) -> None:
    """Hidden ones and links are none."""
    with show("<input type='range' hidden>", script=False) as page:
        assert [one[:7] for one in rules.dead_controls(page)] == ["<button"]


def test_links_to_nowhere_are_found(tmp_path: Path) -> None:
    """A missing file, a missing place in a file, and a way out of the site."""
    page = SOUND % (
        '<a href="gone.html"></a><a href="other/#nothing"></a><a href="other/#end"></a>'
        '<a href="../../outside"></a><a href="/root.html"></a><a href="https://other.example/"></a>'
    )
    (tmp_path / "other").mkdir()
    (tmp_path / "index.html").write_text(page)
    (tmp_path / "other" / "index.html").write_text(SOUND % "")

    found = links.crawled(tmp_path)

    assert found.broken == [
        "index.html: gone.html: no such file",
        "index.html: other/#nothing: no such place",
        "index.html: ../../outside: leaves the site",
        "index.html: /root.html: leaves the site",
    ]
    assert found.pages == ["index.html", "other/index.html"]
    assert found.outside == {"https://other.example/"}


def test_the_host_serves_under_its_sub_path_only(browser: Browser, tmp_path: Path) -> None:
    """What a page asks of the root is missing, and both are on record."""
    (tmp_path / "index.html").write_text(SOUND % '<img alt="" src="/pixel.png">')
    with hosted(tmp_path) as host, browser.open(host.url) as page:
        assert host.url.endswith("/some/project/")
        assert page.js("document.title") == "Sound"
        assert host.answered == [("/some/project/", 200), ("/pixel.png", 404)]
        assert "404" in " ".join(rules.noise(page))


def test_the_lock_file_names_no_registry() -> None:
    """Packages come from whatever registry the machine is set to."""
    assert "resolved" not in (HERE / "package-lock.json").read_text()

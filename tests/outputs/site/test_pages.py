"""What holds for every page: it asks nobody, is no heavier than it may be, and is well formed."""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from outputs.site.conftest import HOSTILE, site, write
from outputs.site.reading_pages import Page, page
from scanner.errors import BandscanError
from scanner.outputs.site import budget

_EXPLORER = re.compile(r"https://etherscan\.io/address/0x[0-9a-f]{40}")


def pages(sites: list[Path]) -> list[tuple[Path, Page]]:
    return [(path, page(path)) for site in sites for path in sorted(site.rglob("*.html"))]


def test_a_page_loads_nothing(everywhere: list[Path]):
    """Pictures are in the page; what would be asked of a server is not there at all."""
    for path, found in pages(everywhere):
        for element in found.elements:
            for name in ("src", "srcset", "poster", "action", "formaction", "background"):
                assert element.attrs.get(name, "data:").startswith("data:"), (path, element)
            assert element.tag not in {"iframe", "object", "embed", "base", "form"}
            if element.tag == "link" and element.attrs["rel"] not in ("alternate", "canonical"):
                assert element.attrs["href"].startswith("data:")
        assert "@import" not in found.html
        assert not re.search(r"url\((?!#)", found.html)


def test_links_lead_to_what_is_there(everywhere: list[Path]):
    """Every relative link names a file of the site, every fragment an element of the page."""
    for path, found in pages(everywhere):
        ids = {one.attrs["id"] for one in found.elements if "id" in one.attrs}
        for link in found.all("a"):
            href = link.attrs["href"]
            if href.startswith("http"):
                assert _EXPLORER.fullmatch(href)
                assert link.attrs["rel"] == "noreferrer noopener"
                continue
            parts = urlsplit(href)
            assert not parts.netloc
            if parts.path:
                assert (path.parent / parts.path).is_file(), (path, href)
            elif parts.fragment != "main":
                assert parts.fragment in ids, (path, href)


def test_the_policy_allows_the_page_its_own_style_and_scripts_only(everywhere: list[Path]):
    """Each inline style and script has its hash in the policy; there are no others, and none in
    attributes."""
    for path, found in pages(everywhere):
        [meta] = found.all("meta", http_equiv="Content-Security-Policy")
        policy = dict(
            part.strip().split(" ", 1) for part in meta.attrs["content"].split(";") if part.strip()
        )
        assert policy["default-src"] == "'none'"
        assert policy["img-src"] == "data:"
        for tag in ("style", "script"):
            inline = [one for one in found.all(tag) if "type" not in one.attrs]
            hashes = {
                f"'sha256-{b64encode(sha256(one.text.encode()).digest()).decode()}'"
                for one in inline
            }
            assert set(policy[f"{tag}-src"].split()) == hashes, path
        for element in found.elements:
            assert "style" not in element.attrs
            assert not any(name.startswith("on") for name in element.attrs)


def test_every_page_keeps_its_budget(everywhere: list[Path]):
    """At most 150 KB, 45 KB packed, 1,500 elements, no request."""
    for path, found in pages(everywhere):
        weight = budget.weigh(path.read_bytes())

        assert weight["nodes"] == len(found.elements)
        assert weight["bytes"] <= 150_000
        assert weight["gzipped"] <= 45_000
        assert weight["nodes"] <= 1_500
        assert weight["requests"] == 0


def test_a_page_that_is_too_heavy_is_refused():
    """The error names the page and what is too much."""
    heavy = b"<p></p>" * 1_600 + b'<img src="far.png">'

    with pytest.raises(BandscanError, match="heavier") as caught:
        budget.check("eth/index.html", heavy)

    assert "1,601 nodes" in str(caught.value)
    assert "1 requests" in str(caught.value)


def test_headings_landmarks_and_ids_are_in_order(everywhere: list[Path]):
    """One H1 that is the title, no level skipped, every section named, no id twice."""
    for path, found in pages(everywhere):
        [title] = found.all("title")
        [heading] = found.all("h1")
        assert heading.text == title.text
        levels = [int(one.tag[1]) for one in found.elements if re.fullmatch(r"h[1-6]", one.tag)]
        assert all(b <= a + 1 for a, b in zip([0, *levels], levels, strict=False)), path
        ids = [one.attrs["id"] for one in found.elements if "id" in one.attrs]
        assert len(ids) == len(set(ids))
        for one in found.elements:
            named = one.attrs.get("aria-labelledby")
            assert named is None or named in ids
            if one.tag == "section":
                assert named or one.attrs.get("aria-label")
            if one.tag == "img":
                assert one.attrs["alt"] == ""


def test_untrusted_text_stays_text(hostile: Path):
    """A symbol, a driver and a message full of markup are shown as they are, and start nothing."""
    for path, found in pages([hostile]):
        assert "onerror" not in {name for one in found.elements for name in one.attrs}
        assert len(found.all("script")) == (3 if path.parent != hostile else 2)
        assert len(found.all("img")) == 0
        assert "\u202e" not in found.html
    [driver] = [
        one for one in hostile.iterdir() if (one / "index.html").exists() and one.name != "eth"
    ]
    found = page(driver / "index.html")
    assert HOSTILE[:12] in found.all("h1")[0].text


def test_a_driver_called_like_a_path_gets_a_plain_folder(hostile: Path):
    """Whatever a token calls itself, its folder is letters, digits and dashes, inside the site."""
    names = {path.name for path in hostile.iterdir() if path.is_dir()} - {"v1", "data"}

    assert len(names) == 2
    assert all(re.fullmatch(r"[a-z0-9-]{1,40}", name) for name in names)
    assert {path.name for path in (hostile / "v1").iterdir() if path.is_dir()} == names


def test_nothing_of_this_machine_is_in_the_site(everywhere: list[Path], folder: Path):
    """No path and no address but the explorer's and the namespaces'."""
    known = ("http://www.w3.org/2000/svg", "http://www.w3.org/2005/Atom", "https://etherscan.io")
    for built in everywhere:
        for path in built.rglob("*"):
            if path.suffix in {".html", ".xml", ".svg", ".json", ".csv"}:
                text = path.read_text()
                assert str(folder) not in text
                for url in re.findall(r"https?://[^\s\"'<>)]*", text):
                    assert url.startswith(known), (path, url)


def test_a_page_with_very_many_ranges_still_fits(tmp_path: Path):
    """It names the largest, opens fewer of them, and says where the others are."""

    def crowd(made: dict[str, Any]) -> None:
        [band] = made["document"]["bands"]
        for number in range(66):
            price = 900 + 19 * number
            side = "long" if price < 2_100 else "short"
            made["document"]["bands"].append(
                {**band, "side": side, "low_usd": price, "high_usd": price + 9.0,
                 "collateral_at_risk_usd": 1e7 + number, "distance": price / 2150.4 - 1}
            )  # fmt: skip

    built = site(write(tmp_path / "store", crowd), tmp_path / "site")
    found = page(built / "eth" / "index.html")

    assert budget.excess((built / "eth" / "index.html").read_bytes()) == []
    rows = [one for one in found.all("tr") if any("t-bands" in up.classes for up in one.inside)]
    assert 6 <= len(rows) - 1 <= 14
    assert f"{67 - (len(rows) - 1)} smaller ones are in the files below" in found.text

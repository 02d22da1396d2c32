"""Pictures of every page in every state, for people to look at; of a site of one's own, too.

    PYTHONPATH=scripts:tests .venv/bin/python -m browser.shots OUT [--site DIR [--clock SECONDS]]

FONTCONFIG_FILE names other fonts than the one that comes with the browser.
"""

import argparse
from pathlib import Path

from browser.chromium import DESKTOP, PHONE, TABLET, Browser, Page
from browser.sites import STATES, Site, Sites

SIZES = {"1440": DESKTOP, "768": TABLET, "390": PHONE}


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(prog="browser.shots", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--site", type=Path, help="a built site, instead of the tests' own")
    parser.add_argument("--clock", type=float, help="when it is read [s since 1970]")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with Browser() as browser:
        if asked.site:
            _site(browser, Site(asked.site, asked.site, asked.clock), asked.out, "site")
            return
        sites = Sites(asked.out / "sites")
        for state in STATES:
            _site(browser, sites[state], asked.out, state.replace(" ", "-"))


def _site(browser: Browser, site: Site, out: Path, name: str) -> None:
    for page in ("home", *site.drivers):
        file = site.page(page)
        for scheme in ("light", "dark"):
            for width, size in SIZES.items():
                with browser.open(file.as_uri(), size, scheme=scheme, clock=site.clock) as shown:
                    picture = out / f"{name}-{page}-{width}-{scheme}.png"
                    shown.shot(picture)
                    print(picture)
        _special(browser, site, file, out / f"{name}-{page}")


def _special(browser: Browser, site: Site, file: Path, stem: Path) -> None:
    """Unfolded, without a script, with the tooltip, and on paper."""

    def opened(size: tuple[int, int] = DESKTOP, *, script: bool = True) -> Page:
        # "reduce": nothing glides while a picture is taken
        return browser.open(file.as_uri(), size, script=script, clock=site.clock, motion="reduce")

    with opened() as shown:
        shown.js("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        shown.shot(Path(f"{stem}-unfolded.png"))
        shown.pdf(Path(f"{stem}.pdf"))
        if shown.js("!!document.getElementById('reader')"):
            shown.js("document.getElementById('reader').scrollIntoView({block: 'center'})")
            shown.js("document.getElementById('reader').focus({focusVisible: true})")
            shown.press("PageDown", "ArrowDown")
            shown.shot(Path(f"{stem}-tooltip.png"), full=False)
    with opened(script=False) as shown:
        shown.shot(Path(f"{stem}-no-script.png"))


if __name__ == "__main__":
    main()

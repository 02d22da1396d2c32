"""One Chromium for all tests, and the built reports they look at."""

from collections.abc import Iterator

import pytest

from browser import rules
from browser.chromium import Browser, Page
from browser.sites import Site, Sites


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium; its pages are closed by who opens them."""
    with Browser() as one:
        yield one


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Sites:
    """The built report by state; see `browser.sites.STATES`."""
    return Sites(tmp_path_factory.mktemp("sites"))


@pytest.fixture(scope="session")
def site(sites: Sites) -> Site:
    """A complete scan with bands and a history, read eight minutes after its block."""
    return sites["ok"]


@pytest.fixture
def eth(browser: Browser, site: Site) -> Iterator[Page]:
    """ETH's page; nothing glides, so that a test need not wait."""
    with browser.open(site.page().as_uri(), clock=site.clock, motion="reduce") as page:
        yield page
        assert rules.noise(page) == []

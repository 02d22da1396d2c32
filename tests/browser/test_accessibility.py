"""axe finds nothing serious, in any state, theme or size."""

import pytest

from browser import rules
from browser.chromium import DESKTOP, PHONE, Browser
from browser.sites import STATES, Sites


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("page", ["home", "eth"])
def test_axe_finds_no_barrier(
    browser: Browser, sites: Sites, state: str, scheme: str, size: tuple[int, int], page: str
) -> None:
    """With everything unfolded."""
    site = sites[state]
    file = site.page(page)
    with browser.open(file.as_uri(), size, scheme=scheme, clock=site.clock) as shown:
        assert rules.barriers(shown) == []

"""One market that cannot be read must not take the others with it, nor look like no risk."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scanner import opening
from scanner.deployments import Market, chain_info
from scanner.errors import MarketError, UsageError
from scanner.opening import Request, opened
from scanner.watching import SILENT

SOUND = Market("aave_v3", "sound", 1, 1, {"pool": bytes(20)}, {}, "shipped")
ODD = replace(SOUND, name="odd")
REQUEST = Request(chain=1, rpc=(), protocols=(), deployments=None, store=Path("unused"))


@dataclass
class Adapter:
    """Opens every market but the odd one."""

    ADDRESSES: tuple[str, ...] = ("pool",)

    def open_market(self, chain: Any, row: Market) -> str:
        if row.name == "odd":
            raise MarketError("the contract does not answer like an Aave v3 pool")
        return row.name

    def shocks(self, market: str) -> set[str]:
        return {"driver:ETH"}


NODE: Any = SimpleNamespace(pin=lambda block, lag: SimpleNamespace(block=SimpleNamespace(number=9)))


def opens(monkeypatch: pytest.MonkeyPatch, *rows: Market) -> opening.Opening:
    monkeypatch.setattr(opening, "adapters", lambda: {"aave_v3": Adapter()})
    monkeypatch.setattr(opening, "listed", lambda request, info: list(rows))
    return opened(NODE, chain_info(1), REQUEST, SILENT)


def test_a_shipped_market_that_cannot_be_read_is_named_and_makes_the_scan_incomplete(monkeypatch):
    """The sound market is scanned; the odd one is a fatal problem."""
    found = opens(monkeypatch, ODD, SOUND)

    assert [one.row.name for one in found.markets] == ["sound"]
    [problem] = found.problems
    assert (problem.kind, problem.market, problem.fatal) == ("market_unreadable", "odd", True)


def test_a_market_of_the_users_own_file_that_cannot_be_read_is_refused(monkeypatch):
    """A wrong address in a deployments file is bad input, also beside sound markets."""
    with pytest.raises(MarketError, match="does not answer like"):
        opens(monkeypatch, replace(ODD, source="file"), SOUND)


def test_no_readable_market_at_all_is_refused(monkeypatch):
    """Nothing to scan is not an empty scan."""
    with pytest.raises(UsageError, match="none of the markets"):
        opens(monkeypatch, ODD, replace(ODD, name="odd"))

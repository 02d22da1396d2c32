"""What cannot be checked is not taken for right, and a gap is blamed on what made it."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from scanner import certificate, scan
from scanner.errors import Problem
from scanner.protocols import Identity, Parity
from scanner.watching import SILENT

WHOLE = Identity(bytes(20), "USDC", "variable_debt", 10, 10, 0.0)
SHORT = Identity(bytes(20), "USDC", "variable_debt", 9, 10, 0.0)
FACTS = {"pool": "0x", "revision": 10, "version": "3.6", "reserves": 1, "known_revision": True}


def survey_of(identity: Identity, parity: Parity) -> Any:
    """A survey of one market of which only what a certificate looks at is there."""
    legs = SimpleNamespace(positions=5, owed=lambda: np.array([10.0]))
    holdings = SimpleNamespace(
        legs=legs,
        market="core",
        markets=(),
        market_names=lambda: ["core"],
        place_of=lambda: np.zeros(5, np.int64),
    )
    return SimpleNamespace(
        identities=[identity],
        unknown=[],
        problems=[],
        facts=FACTS,
        holdings=holdings,
        parity=lambda chain, count: parity,
    )


def test_an_account_that_the_protocol_gives_no_view_of_makes_the_scan_incomplete():
    """4 of 5 accounts equal the protocol's view; of the fifth it gives none."""
    parity = Parity(5, 4, 1, 0, 0.0, 0.0)
    proof = certificate.of([("aave_v3", "core", survey_of(WHOLE, parity), parity)])

    assert not proof.complete
    [problem] = proof.problems
    assert (problem.kind, problem.fatal) == ("parity_unread", True)
    assert proof.parity[0]["unread"] == 1


def test_all_accounts_alike_make_it_complete():
    """The same market with the fifth account read."""
    parity = Parity(5, 5, 0, 0, 0.0, 0.0)
    proof = certificate.of([("aave_v3", "core", survey_of(WHOLE, parity), parity)])

    assert proof.complete
    assert not proof.problems


@pytest.mark.parametrize("unreadable", [0, 1])
def test_a_gap_is_a_lost_log_only_where_every_account_was_read(unreadable, monkeypatch):
    """Where an account could not be read it is the gap, and the ledger keeps the others."""
    distrusted: list[int] = []
    searched: list[list[str]] = []
    parity = Parity(5, 5, 0, 0, 0.0, 0.0)
    ledger: Any = SimpleNamespace(distrust=distrusted.append)
    adapter = SimpleNamespace(survey=lambda *_: survey_of(SHORT, parity))
    row = SimpleNamespace(name="core", protocol="aave_v3")
    one: Any = SimpleNamespace(adapter=adapter, market=None, row=row)
    failed = np.zeros((unreadable, 20), np.uint8)
    lost = Problem("logs_missing", "somebody", fatal=True)

    def mirrored(*_: Any) -> Any:
        def searches(gaps: list[str]) -> Iterator[Any]:
            searched.append(gaps)
            return iter(())

        return SimpleNamespace(
            number=7, states=lambda: (None, failed), searches=searches, lost=lambda: lost
        )

    monkeypatch.setattr(scan, "Mirror", mirrored)

    nothing: Any = None
    found = scan._survey(ledger, nothing, nothing, one, SimpleNamespace(verify=100), SILENT, None)

    assert searched == ([] if unreadable else [[SHORT.symbol]])
    assert found.problems == ([] if unreadable else [lost])
    assert distrusted == ([] if unreadable else [7])

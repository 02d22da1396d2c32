"""A token that two roots move is named under every shock that leaves a part of its move out."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from scanner.core.curves import Curve
from scanner.core.positions import RootLine, Token
from scanner.core.tracing import STILL, Line
from scanner.findings import several_drivers


def holdings() -> Any:
    half = Curve(np.array([0.7, 1.0, 1.3]), np.array([0.85, 1.0, 1.15]))
    pool = Line(0.5, 0.5, half)
    roots = (
        RootLine(bytes(20), "ETH / USD", "ETH", pool),
        RootLine(bytes(20), "BTC / USD", "BTC", pool),
        RootLine(bytes(20), "LINK / USD", "LINK", STILL),
        RootLine(bytes(20), "POOL / ETH", None, pool),
    )
    token = Token(bytes(20), "LP", 10**18, 1.0, "ETH", "probe", 0.5, half, roots)
    plain = Token(bytes(20), "WETH", 10**18, 1.0, "ETH", "probe", 1.0, None, roots[:1])
    return [SimpleNamespace(tokens=[token, plain], protocol="aave_v3", market="core")]


@pytest.mark.parametrize(
    ("kind", "name", "named"),
    [
        ("driver", "ETH", False),
        ("driver", "BTC", True),
        ("driver", "LINK", False),
        ("market", "market", True),
        ("shock", "shock:BTC=0.8,ETH=1", True),
        ("shock", "shock:ETH=0.5,LINK=1", False),
        ("token", "LP", False),
    ],
)
def test_who_is_named(kind: str, name: str, named: bool) -> None:
    problems = several_drivers(kind, name, holdings())
    assert [problem.kind for problem in problems] == ["several_drivers"] * named
    if named:
        assert problems[0].message == (
            f"LP moves with BTC besides ETH: under {name} that part is left out"
        )

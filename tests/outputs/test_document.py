"""JSON of the reading commands."""

import json

import numpy as np
import pytest
from cli import whales_sample

from scanner.outputs.document import certificate_summary, encode, holds, reasons


def test_json_has_only_what_json_knows():
    """NaN and infinities are null, numpy's types are numbers, bytes are hex."""
    value = {
        "nan": float("nan"),
        "inf": np.float64("inf"),
        "count": np.int64(7),
        "flag": np.bool_(True),
        "many": np.array([1.5, np.nan]),
        "hash": b"\xab",
        "wide": 2**200,
    }

    assert json.loads(encode(value)) == {
        "nan": None,
        "inf": None,
        "count": 7,
        "flag": True,
        "many": [1.5, None],
        "hash": "0xab",
        "wide": 2**200,
    }


def test_the_certificate_in_short_counts_what_holds():
    """An incomplete scan: the USDC debt is found by 93.318 %."""
    short = certificate_summary(whales_sample.scan(complete=False)["document"])

    assert (short["reserves"], short["exact"]) == (2, 1)
    assert short["lowest_coverage"] == pytest.approx(0.93318)


@pytest.mark.parametrize(
    ("found", "total", "identity", "good"),
    [
        ("100", "100", "exact", True),
        ("99", "100", "exact", False),
        ("101", "100", "exact", False),
        (str(2**255), str(2**255 + 1), "exact", False),
        ("99", "100", "approximate", True),
        ("97", "100", "approximate", False),
    ],
)
def test_an_identity_holds_in_integers(found, total, identity, good):
    """A float would not see the last unit of a 256-bit sum."""
    row = {"identity": identity, "debt_found": found, "debt_total": total, "bound": 0.02}

    assert holds(row) is good


def test_reasons_begin_with_the_gravest():
    """A fatal problem, then missing debt."""
    assert reasons(whales_sample.scan()["document"]) == []
    assert reasons(whales_sample.scan(complete=False)["document"]) == [
        "The endpoint stopped answering after 17 of 18 batches.",
        "93.318 % of the USDC debt found in aave_v3 core",
    ]


def test_what_the_rows_tell_is_told_once():
    """The scan's own problem about missing debt quotes raw units; the row says it in percent."""
    document = whales_sample.scan(complete=False)["document"]
    document["problems"] = [
        {"kind": "debt_missing", "message": "USDC: 1 of 2 units", "fatal": True}
    ]

    assert reasons(document) == ["93.318 % of the USDC debt found in aave_v3 core"]


def test_debt_where_there_should_be_none_has_no_coverage():
    """Null in the document, and still no identity that holds."""
    document = whales_sample.scan()["document"]
    document["certificate"][0] |= {"debt_found": "5", "debt_total": "0", "coverage": None}

    short = certificate_summary(document)
    assert (short["exact"], short["lowest_coverage"]) == (1, 1.0)

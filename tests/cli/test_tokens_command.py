"""`bandscan tokens`: what each token follows, by how much, and who says so."""

import json
from pathlib import Path

from scanner.outputs.token_table import by, feeds

CAPPED = {
    "driver": "ETH",
    "sensitivity": 1.0,
    "roots": [
        {
            "feed": "0x" + "ab" * 20,
            "description": "ETH / USD",
            "driver": "ETH",
            "sensitivity": 1.0,
            "sensitivity_up": 0.0,
            "bent": True,
        },
        {
            "feed": "0x" + "cd" * 20,
            "description": "",
            "driver": None,
            "sensitivity": 0.25,
            "sensitivity_up": 0.25,
            "bent": False,
        },
    ],
}


def test_every_token_is_printed_with_its_source(bandscan, store: Path):
    result = bandscan("tokens", "--store", store)
    assert result.exit_code == 0
    [line] = [line for line in result.output.splitlines() if line.strip().startswith("WETH")]
    assert line.split()[:5] == ["WETH", "$2,150.40", "ETH", "1", "adapter"]
    assert "0 of " in result.output


def test_json_has_the_roots_of_scans_from_before_the_probe_too(bandscan, store: Path):
    answer = json.loads(bandscan("tokens", "--store", store, "--json").output)
    assert answer["schema"] == "bandscan/1"
    assert all(row["roots"] == [] for row in answer["tokens"])
    assert {row["driver_source"] for row in answer["tokens"]} == {"adapter"}


def test_how_a_token_moves_is_said_in_words():
    assert by(CAPPED) == "1, above 0"
    assert feeds(CAPPED) == "ETH / USD (bent); 0xcdcd…cdcd by 0.25"
    assert by({"driver": None, "sensitivity": 0.0, "roots": []}) == ""

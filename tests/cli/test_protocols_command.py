"""`bandscan protocols`: every shipped market with its source; names that are none are refused."""

import json
from pathlib import Path

from scanner.deployments import markets
from scanner.opening import needed

OWN = """[[market]]
protocol = "morpho_blue"
name = "mine"
chain_id = 31337
morpho = "0x1111111111111111111111111111111111111111"
"""


def test_every_shipped_market_is_listed_with_its_source(bandscan):
    result = bandscan("protocols", "--json")
    rows = json.loads(result.output)["protocols"]
    shipped = markets(None, None, None, needed())
    assert result.exit_code == 0
    assert [(r["protocol"], r["chain_id"], r["market"]) for r in rows] == [
        (row.protocol, row.chain_id, row.name) for row in shipped
    ]
    assert {"aave_v3", "maker", "morpho_blue", "spark"} <= {row["protocol"] for row in rows}
    assert all(row["source"] and row["source"] != "your deployments file" for row in rows)
    assert {len(row["address"]) for row in rows} == {42}


def test_a_chain_and_a_protocol_narrow_it(bandscan):
    result = bandscan("protocols", "--chain", "ethereum", "--protocol", "maker")
    assert result.exit_code == 0
    assert "0x35D1b3F3D7966A1DFe207aa4514C12a259A0492B" in result.output
    assert "1 market of 1 protocol on 1 chain" in result.output
    assert "aave" not in result.output


def test_a_first_block_nobody_published_is_not_made_up(bandscan):
    result = bandscan("protocols", "--chain", "ethereum", "--protocol", "aave_v3")
    [line] = [line for line in result.output.splitlines() if "horizon" in line]
    assert "found on chain" in line


def test_own_rows_are_said_to_be_own(bandscan, tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text(OWN)
    arguments = ("--chain", "31337", "--deployments", str(file), "--json")
    [row] = json.loads(bandscan("protocols", *arguments).output)["protocols"]
    assert (row["market"], row["source"]) == ("mine", "your deployments file")


def test_unknown_names_end_in_2_and_say_what_is_known(bandscan):
    for arguments in (("--protocol", "makr"), ("--chain", "etherium")):
        result = bandscan("protocols", *arguments)
        assert result.exit_code == 2
        assert "did you mean" in result.output

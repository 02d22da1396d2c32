"""--group FILE: accounts of one owner count as one, bands are found anew, bad files are refused."""

import hashlib
import json
from pathlib import Path

import pytest
from bench import stored as sample

from cli import whales_sample
from scanner import grouping, reading, regrouping
from scanner.deployments._toml import checksummed

WHALES = [whales_sample.address(number) for number in range(1, 7)]
COMMANDS = (["bands", "ETH"], ["ticks", "ETH"], ["positions", "ETH"], ["levels", "ETH"],
            ["account", WHALES[0]])  # fmt: skip


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    """Four of the six whales are one owner's; a stranger is in a group of its own."""
    lines = ["# the desk", "", *(f"{who},Example Capital" for who in WHALES[:4])]
    lines += [f'0x{"9" * 40}, "Other, Ltd"']
    path = tmp_path / "groups.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def asked(bandscan, store: Path, *arguments: object) -> dict:
    result = bandscan(*arguments, "--json", "--store", store)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_answer_says_that_grouping_was_applied(bandscan, store, groups, command):
    """The file's digest and how many groups; nothing of its path; without a file no word of it."""
    answer = asked(bandscan, store, *command, "--group", groups)
    assert answer["grouping"] == {
        "sha256": hashlib.sha256(groups.read_bytes()).hexdigest(),
        "groups": 2,
        "accounts": 5,
        "found": 4,
    }
    assert str(groups.parent) not in json.dumps(answer)
    assert "grouping" not in asked(bandscan, store, *command)
    shown = bandscan(*command, "--group", groups, "--store", store).stdout
    assert "accounts of 2 groups count as one each (4 of 5 listed accounts in this scan" in shown


def test_four_whales_of_one_owner_are_one_account(bandscan, store, groups):
    """Levels count them once; dollars and positions stay what they were."""
    before = asked(bandscan, store, "levels", "ETH", "--at", 1781)["at"][0]
    after = asked(bandscan, store, "levels", "ETH", "--at", 1781, "--group", groups)["at"][0]
    assert after["accounts"] == before["accounts"] - 3
    for key in ("positions", "collateral_at_risk_usd", "debt_usd", "seizable_usd"):
        assert after[key] == before[key]


def test_positions_have_subtotals_per_group(bandscan, store, groups):
    """Of all that match, whatever the limit; the sum of the group's own rows."""
    answer = asked(bandscan, store, "positions", "ETH", "--limit", 1, "--group", groups)
    [row] = answer["groups"]
    every = asked(bandscan, store, "positions", "ETH", "--group", groups)["positions"]
    mine = [one for one in every if one["owner"] == "Example Capital"]
    assert {one["account"] for one in mine} == set(WHALES[:4])
    assert (row["group"], row["positions"], row["accounts"]) == ("Example Capital", 4, 4)
    assert row["collateral_at_risk_usd"] == round(
        sum(one["collateral_at_risk_usd"] for one in mine), 2
    )
    assert row["nearest"] == pytest.approx(1862.02)
    shown = bandscan("positions", "ETH", "--group", groups, "--store", store).stdout
    assert any(line.startswith("Example Capital") for line in shown.splitlines())


def test_an_account_brings_all_of_its_group(bandscan, store, groups):
    answer = asked(bandscan, store, "account", WHALES[1], "--group", groups)
    assert {row["account"] for row in answer["positions"]} == set(WHALES[:4])
    assert {leg["account"] for leg in answer["legs"]} == set(WHALES[:4])


def test_the_stored_scan_stays_as_it_is(bandscan, store, groups):
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}

    before = files()
    asked(bandscan, store, "bands", "ETH", "--group", groups)
    assert files() == before


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    sample.make(folder, positions=1_000, scans=1)
    return folder


def test_the_finder_run_again_finds_what_the_scan_found(made: Path):
    """With the scan's own owners: the document's bands, every digit of them."""
    stored = reading.newest(made, None)
    assert stored.document["bands"]
    assert regrouping.bands_again(stored) == stored.document["bands"]


def test_a_split_wallet_is_one_wall(made: Path, tmp_path: Path):
    """The members of a band as one owner: no band any more, a wall of that group instead."""
    stored = reading.newest(made, None)
    number, band = next(
        (k, row)
        for k, row in enumerate(reading.rows_of(stored.document, "bands", "ETH"), 1)
        if row["kind"] == "band" and row["side"] == "long"
    )
    assert band["accounts"] > 5
    from scanner import answers

    members = answers.positions(stored, "ETH", band=number)["positions"]
    path = tmp_path / "one.csv"
    path.write_text("".join(f"{row['account']},Split\n" for row in members))
    grouped = grouping.applied(stored, grouping.read(path))
    found = [
        row
        for row in answers.bands(grouped, "ETH", side="long")["bands"]
        if row["low_usd"] <= band["high_usd"] and row["high_usd"] >= band["low_usd"]
    ]
    assert all(row["kind"] == "wall" for row in found if row["owner"] == "Split")
    assert any(row["owner"] == "Split" for row in found)
    assert not any(row["kind"] == "band" and row["accounts"] > 5 for row in found)
    before = next(row for row in stored.document["drivers"] if row["driver"] == "ETH")
    after = next(row for row in grouped.document["drivers"] if row["driver"] == "ETH")
    assert after["borrowers"] == before["borrowers"] - band["accounts"] + 1


MIXED = "0x6D1c0E7f9F6dd1F0CBAD4a3A3F4A6a3f3a1B2C3d"


@pytest.mark.parametrize(
    ("content", "says", "line"),
    [
        ("", "it lists nobody", None),
        ("# nobody\n\n", "it lists nobody", None),
        ("account,group\n", "it lists nobody", None),
        (f"{WHALES[0]}\n", "a line is account,group", 1),
        (f"# one\n{WHALES[0]},a,b\n", "a line is account,group", 2),
        (f"{WHALES[0]},\n", "the group has no name", 1),
        ("0x12,a\n", "is no account", 1),
        (f"{WHALES[0]},a\nvitalik.eth,a\n", "is no account", 2),
        (f"{MIXED},a\n", "the checksum of", 1),
        (f"{WHALES[0]},a\n\n{WHALES[0]},b\n", "is in two groups (see line 1)", 3),
        (f"{WHALES[0]},0xabc\n", "may not look like an address", 1),
        (f"{WHALES[0]},a\x1b[31m\n", "none to steer a terminal", 1),
        (f"{WHALES[0]},{'n' * 101}\n", "a name has up to 100 characters", 1),
        (f'{WHALES[0]},"a\n', "the line cannot be read", 1),
        (b"\xff\xfe0,x\n", "it is no UTF-8", 1),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused(bandscan, store, tmp_path, content, says, line):
    """Exit code 2, with the line and no traceback."""
    path = tmp_path / "bad.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = bandscan("bands", "ETH", "--group", path, "--store", store)
    assert result.exit_code == 2
    told = " ".join(result.stderr.split())
    assert says in told
    assert (f"line {line} fix" in told) is (line is not None)
    assert "Traceback" not in told
    assert result.stdout == ""


def test_a_file_that_is_not_there_is_refused(bandscan, store, tmp_path):
    result = bandscan("bands", "ETH", "--group", tmp_path / "none.csv", "--store", store)
    assert result.exit_code == 2


def test_the_same_account_twice_in_one_group_is_no_fault(tmp_path):
    """In two spellings, one of them with its checksum."""
    good = checksummed(bytes.fromhex(MIXED[2:]))
    path = tmp_path / "twice.csv"
    path.write_text(f"\ufeffAccount, Group\n{good},One\n{good.lower()}, One\n")
    assert grouping.read(path).of == {good.lower(): "One"}

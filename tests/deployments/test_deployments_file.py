"""The user's deployments file: what it adds and replaces, and how each mistake in it is told."""

from pathlib import Path

import pytest

from scanner.deployments import Fields, Market, markets
from scanner.deployments.drivers import usd_feeds
from scanner.errors import UsageError

NEEDS = {
    "aave_v3": Fields(["pool"]),
    "comet": Fields(["comet"], optional=["rewards"]),
    "two_contracts": Fields(["pool", "oracle"]),
}
POOL = "0x" + "11" * 20
OTHER = "0x" + "22" * 20
CORE = "0x87870Bca3F3fD6335C3F4ce8392D69350B4fA4E2"  # Ethereum's core pool, as shipped
WETH = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"

GOOD = f'[[market]]\nprotocol = "aave_v3"\nname = "mine"\nchain_id = 1\npool = "{POOL}"\n'


def load(path: Path, content: str | bytes, chain_id: int = 1) -> list[Market]:
    """The markets of a chain after this text was written to a deployments file."""
    path = path / "mine.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return markets(chain_id, None, path, NEEDS)


def refusal(path: Path, content: str | bytes) -> str:
    """The message that refuses this file; it always names the file and is a usage error."""
    with pytest.raises(UsageError) as caught:
        load(path, content)
    assert caught.value.exit_code == 2
    assert "mine.toml" in str(caught.value)
    return str(caught.value)


# --- what a file does


def test_a_row_is_added_beside_the_shipped_ones(tmp_path: Path) -> None:
    found = {row.name: row for row in load(tmp_path, GOOD)}
    assert found.keys() == {"core", "prime", "etherfi", "horizon", "mine"}
    assert found["mine"] == Market(
        "aave_v3", "mine", 1, None, {"pool": b"\x11" * 20}, {}, "file", usd_feeds(1)
    )
    assert found["core"].source == "shipped"


def test_a_row_of_equal_name_replaces_the_shipped_one(tmp_path: Path) -> None:
    found = load(tmp_path, GOOD.replace("mine", "core") + "first_block = 0\n")
    core = [row for row in found if row.name == "core"]
    assert len(found) == 4
    assert [(row.source, row.first_block, row.addresses["pool"]) for row in core] == [
        ("file", 0, b"\x11" * 20)
    ]


def test_rows_of_another_chain_are_left_out(tmp_path: Path) -> None:
    text = GOOD.replace("chain_id = 1", "chain_id = 31337")
    assert [row.name for row in load(tmp_path, text, chain_id=31337)] == ["mine"]
    assert "mine" not in [row.name for row in load(tmp_path, text, chain_id=1)]


def test_drivers_of_a_row_are_kept_by_token_and_none_means_follows_none(tmp_path: Path) -> None:
    text = f'{GOOD}[market.drivers]\n"{WETH}" = "ETH"\n"{OTHER}" = "none"\n'
    mine = next(row for row in load(tmp_path, text) if row.name == "mine")
    assert mine.drivers == {bytes.fromhex(WETH[2:]): "ETH", b"\x22" * 20: None}


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    assert len(load(tmp_path, b"\xef\xbb\xbf" + GOOD.encode())) == 5


def test_only_the_protocols_asked_for_are_listed() -> None:
    assert markets(1, ["comet"], None, NEEDS) == []
    assert {row.protocol for row in markets(1, ["aave_v3"], None, NEEDS)} == {"aave_v3"}


def test_shipped_rows_of_a_protocol_that_nobody_can_scan_are_passed_over() -> None:
    assert markets(1, None, None, {"comet": Fields(["comet"])}) == []


def test_markets_are_listed_by_protocol_and_name(tmp_path: Path) -> None:
    text = f'[[market]]\nname = "a"\nprotocol = "comet"\nchain_id = 1\ncomet = "{OTHER}"\n'
    names = [(row.protocol, row.name) for row in load(tmp_path, text + GOOD)]
    assert names == sorted(names)
    assert ("comet", "a") in names


# --- a file that is none


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file") as caught:
        markets(1, None, tmp_path / "absent.toml", NEEDS)
    assert "absent.toml" in str(caught.value)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        markets(1, None, tmp_path, NEEDS)


def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Raised by hand: tests may run as root, whom no mode stops."""

    def closed(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(UsageError, match="cannot be read: Permission denied"):
        markets(1, None, tmp_path / "mine.toml", {})


def test_a_path_with_a_null_character_is_refused() -> None:
    with pytest.raises(UsageError, match="not a usable path"):
        markets(1, None, Path("a\0b"), NEEDS)


@pytest.mark.parametrize("content", ["", "\n  \n"])
def test_an_empty_file_is_refused_with_an_example(tmp_path: Path, content: str) -> None:
    message = refusal(tmp_path, content)
    assert "The deployments file is empty." in message
    assert "[[market]]" in message


def test_a_device_without_end_is_refused() -> None:
    with pytest.raises(UsageError, match="larger than 8,000,000 bytes"):
        markets(1, None, Path("/dev/zero"), NEEDS)


def test_text_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    assert "not UTF-8 text (line 6)" in refusal(tmp_path, GOOD.encode() + b"\xff\xfe")


def test_bad_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    message = refusal(tmp_path, GOOD + "first_block = = 3\n")
    assert "is not TOML" in message
    assert "line 6" in message


@pytest.mark.parametrize("content", ["a = " + "[" * 100_000, "a = " + "9" * 10_000])
def test_toml_that_python_gives_up_on_is_refused(tmp_path: Path, content: str) -> None:
    assert "is not TOML" in refusal(tmp_path, content)


# --- a row that is none


def test_a_file_without_a_market_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, "# nothing\n")
    assert 'The field "market" is missing.' in message
    assert "one [[market]] or more" in message


def test_single_brackets_are_told_apart(tmp_path: Path) -> None:
    message = refusal(tmp_path, GOOD.replace("[[market]]", "[market]"))
    assert 'The field "market" is a table.' in message
    assert "double brackets" in message


@pytest.mark.parametrize("content", ["market = []", "market = 3", "market = [3]"])
def test_a_market_that_is_no_table_is_refused(tmp_path: Path, content: str) -> None:
    assert 'The field "market" is' in refusal(tmp_path, content)


@pytest.mark.parametrize("field", ["protocol", "name", "chain_id", "pool"])
def test_a_missing_field_is_named_with_its_row(tmp_path: Path, field: str) -> None:
    rows = [line for line in GOOD.splitlines() if not line.startswith(field)]
    message = refusal(tmp_path, GOOD.replace("mine", "first") + "\n".join(rows))
    assert f'The field "{field}" is missing.' in message
    assert "row 2" in message
    assert "expected" in message


def test_each_address_that_the_protocol_names_is_needed(tmp_path: Path) -> None:
    message = refusal(tmp_path, GOOD.replace("aave_v3", "two_contracts"))
    assert 'The field "oracle" is missing.' in message
    assert "two_contracts mine (row 1)" in message


def test_a_mistyped_field_is_refused_with_the_field_that_was_meant(tmp_path: Path) -> None:
    message = refusal(tmp_path, GOOD + "first_blok = 3\n")
    assert 'Unknown field "first_blok".' in message
    assert "did you mean first_block?" in message
    assert "aave_v3 mine (row 1)" in message


def test_a_mistyped_table_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, GOOD + GOOD.replace("[[market]]", "[[markets]]"))
    assert 'Unknown field "markets".' in message
    assert "did you mean market?" in message


def test_an_unknown_protocol_in_the_file_lists_the_known_ones(tmp_path: Path) -> None:
    message = refusal(tmp_path, GOOD.replace("aave_v3", "aave_v33"))
    assert 'Unknown protocol "aave_v33".' in message
    assert "did you mean aave_v3?" in message
    assert "aave_v3, comet, two_contracts" in message


def test_an_unknown_protocol_asked_for_lists_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        markets(1, ["comett"], None, NEEDS)
    assert 'Unknown protocol "comett".' in str(caught.value)
    assert "did you mean comet?" in str(caught.value)
    assert "aave_v3, comet, two_contracts" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "wrong", "said", "expected"),
    [
        ('protocol = "aave_v3"', "protocol = 3", '"protocol" is an integer, 3', "aave_v3"),
        ('name = "mine"', "name = 3", '"name" is an integer, 3', "letters"),
        ('name = "mine"', 'name = ""', '"name" is a string, ""', "letters"),
        ('name = "mine"', 'name = "a b"', '"name" is a string, "a b"', "letters"),
        ("chain_id = 1", 'chain_id = "1"', '"chain_id" is a string, "1"', "an integer from 1"),
        ("chain_id = 1", "chain_id = true", '"chain_id" is a boolean, true', "an integer"),
        ("chain_id = 1", "chain_id = 1.0", '"chain_id" is a decimal number, 1.0', "an integer"),
        ("chain_id = 1", "chain_id = 0", '"chain_id" is an integer, 0', "an integer from 1"),
        ("chain_id = 1", f"chain_id = {2**63}", '"chain_id" is an integer', "2^63 - 1"),
        ("chain_id = 1", "chain_id = 2026-01-01", '"chain_id" is a date or time', "an integer"),
        (f'pool = "{POOL}"', "pool = 0x11", '"pool" is an integer, 17', "0x and 40"),
        (f'pool = "{POOL}"', "pool = []", '"pool" is a list', "0x and 40"),
        (f'pool = "{POOL}"', f'pool = "{POOL[:-1]}"', '"pool" is a string', "0x and 40"),
        (f'pool = "{POOL}"', f'pool = "{POOL[2:]}"', '"pool" is a string', "0x and 40"),
        (f'pool = "{POOL}"', f'pool = "0x{"0" * 40}"', '"pool" is a string', "not zero"),
    ],
)
def test_a_wrong_value_is_told_with_its_field_and_what_was_expected(
    tmp_path: Path, line: str, wrong: str, said: str, expected: str
) -> None:
    assert line in GOOD
    message = refusal(tmp_path, GOOD.replace(line, wrong))
    assert f"The field {said}" in message
    assert "(row 1)" in message or "row 1" in message
    assert expected in message[message.index("expected") :]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("-1", "an integer, -1"),
        ("true", "a boolean, true"),
        ('"latest"', 'a string, "latest"'),
        ("1e6", "a decimal number"),
        ("1" + "0" * 60, "a huge integer"),
    ],
)
def test_a_first_block_is_a_block_number(tmp_path: Path, value: str, said: str) -> None:
    message = refusal(tmp_path, f"{GOOD}first_block = {value}\n")
    assert f'The field "first_block" is {said}' in message
    assert "an integer from 0 to 2^63 - 1" in message


def test_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    """One digit of the right spelling in the other case."""
    broken = CORE.replace("87870Bca", "87870bca")
    message = refusal(tmp_path, GOOD.replace(POOL, broken))
    assert f'The checksum of the address in "pool" is wrong: {broken}' in message
    assert "aave_v3 mine (row 1)" in message


@pytest.mark.parametrize("spelled", [WETH, WETH.lower(), "0x" + WETH[2:].upper()])
def test_lower_upper_and_checksummed_addresses_are_one(tmp_path: Path, spelled: str) -> None:
    mine = next(r for r in load(tmp_path, GOOD.replace(POOL, spelled)) if r.name == "mine")
    assert mine.addresses["pool"] == bytes.fromhex(WETH[2:])


def test_two_equal_rows_are_refused_by_number(tmp_path: Path) -> None:
    message = refusal(tmp_path, GOOD + GOOD.replace(POOL, OTHER))
    assert "the same as row 1" in message
    assert "aave_v3 mine (row 2)" in message


def test_a_second_name_for_a_shipped_pool_would_count_twice(tmp_path: Path) -> None:
    message = refusal(tmp_path, GOOD.replace(POOL, CORE))
    assert '"core" and "mine" have the same pool' in message
    assert 'call yours "core"' in message


def test_two_names_for_one_pool_in_the_file_would_count_twice(tmp_path: Path) -> None:
    message = refusal(tmp_path, GOOD + GOOD.replace("mine", "again"))
    assert '"mine" and "again" have the same pool' in message
    assert "take one of them out" in message


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f'"{POOL}" = 3', f'The field "drivers.{POOL}" is an integer, 3'),
        (f'"{POOL}" = "E T H"', f'The field "drivers.{POOL}" is a string, "E T H"'),
        ('WETH = "ETH"', 'The field "drivers" is a string, "WETH"'),
        (f'"{WETH}" = "ETH"\n"{WETH.lower()}" = "BTC"', "has two drivers"),
    ],
)
def test_a_wrong_driver_is_told_with_its_token(tmp_path: Path, row: str, said: str) -> None:
    message = refusal(tmp_path, f"{GOOD}[market.drivers]\n{row}\n")
    assert said in message
    assert "aave_v3 mine (row 1)" in message


@pytest.mark.parametrize(("written", "meant"), [("eth", "ETH"), ("None", "none"), ("btc", "BTC")])
def test_a_driver_in_the_wrong_case_is_refused(tmp_path: Path, written: str, meant: str) -> None:
    """`eth` would be a driver of its own and its positions would leave ETH's bands."""
    message = refusal(tmp_path, f'{GOOD}[market.drivers]\n"{WETH}" = "{written}"\n')
    assert f'expected  "{meant}"' in message


def test_drivers_that_are_no_table_are_refused(tmp_path: Path) -> None:
    assert 'The field "drivers" is a string, "ETH"' in refusal(tmp_path, GOOD + 'drivers = "ETH"')


def test_control_characters_of_a_file_are_not_echoed(tmp_path: Path) -> None:
    text = GOOD.replace('"mine"', '"\\u001b[2Jmine\\u202e"') + '"\\u001b]0;x\\u0007" = 1\n'
    message = refusal(tmp_path, text)
    assert not [c for c in message if not c.isprintable() and c != "\n"]
    assert "?[2Jmine?" in message


# --- dollar feeds and optional addresses


def test_a_row_has_the_chains_dollar_feeds_and_its_own_come_before(tmp_path: Path) -> None:
    own = "0x" + "22" * 20
    [mine] = [
        row
        for row in load(tmp_path, GOOD + f'[market.feeds]\nETH = "{own}"\nLINK = "{own}"\n')
        if row.name == "mine"
    ]
    assert mine.feeds["ETH"] == mine.feeds["LINK"] == b"\x22" * 20
    assert mine.feeds["BTC"] == usd_feeds(1)["BTC"]


@pytest.mark.parametrize(
    "table",
    ['eth = "0x' + "22" * 20 + '"', 'ETH = "0x12"', "ETH = 3", '"a b" = "0x' + "22" * 20 + '"'],
)
def test_a_feed_that_cannot_be_meant_is_refused(tmp_path: Path, table: str) -> None:
    assert "feeds" in refusal(tmp_path, GOOD + f"[market.feeds]\n{table}\n")


def test_an_optional_address_may_be_there_or_not(tmp_path: Path) -> None:
    row = (
        '[[market]]\nprotocol = "comet"\nname = "a"\nchain_id = 1\ncomet = "0x' + "11" * 20 + '"\n'
    )
    [bare] = [r for r in load(tmp_path, row) if r.name == "a"]
    [full] = [r for r in load(tmp_path, row + 'rewards = "0x' + "22" * 20 + '"\n') if r.name == "a"]
    assert bare.addresses == {"comet": b"\x11" * 20}
    assert full.addresses == {"comet": b"\x11" * 20, "rewards": b"\x22" * 20}


def test_the_same_main_contract_is_a_twin_whatever_else_is_named(tmp_path: Path) -> None:
    """Two rows that differ in an optional address only would count every position twice."""
    head = '[[market]]\nprotocol = "comet"\nchain_id = 1\ncomet = "' + POOL + '"\n'
    text = f'{head}name = "a"\n{head}name = "b"\nrewards = "{OTHER}"\n'
    assert '"a" and "b" have the same comet' in refusal(tmp_path, text)

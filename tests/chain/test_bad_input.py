"""What a user may get wrong, through the real command on a real chain: issue 2, section 6.

Every refusal is one clear message with the right exit code, and touches no byte of the store.
"""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from command import assert_clear, bandscan, bytes_of, ended, refused, scanning, started
from localchain import LocalChain

from scanner.store.ledger import Ledger

DEAD = "http://127.0.0.1:9"  # nobody listens on the discard port
NOBODY = "0x" + "01" * 20


@pytest.fixture(scope="module")
def scanned(
    origin_chain: LocalChain, tmp_path_factory: pytest.TempPathFactory
) -> tuple[LocalChain, Path]:
    """A chain, and a folder with `store` (one complete scan), scan.json and local.toml."""
    folder = tmp_path_factory.mktemp("scanned")
    outcome = bandscan(*scanning(origin_chain, folder))
    assert outcome.code == 0, outcome.err
    return origin_chain, folder


@pytest.fixture
def folder(scanned: tuple[LocalChain, Path], tmp_path: Path) -> Path:
    """A copy of the scanned folder to harm."""
    copy = tmp_path / "copy"
    shutil.copytree(scanned[1], copy)
    return copy


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--chain", "etherium"], ['No chain is called "etherium"', "did you mean ethereum"]),
        (["--chain", "0"], ["0 is no chain id"]),
        (["--protocol", "aave"], ['Unknown protocol "aave"', "did you mean aave_v3"]),
        (["--shock", "token:NOPE"], ["follows token:NOPE", "ETH"]),
        (["--shock", "driver:NOPE"], ["follows driver:NOPE", "without --shock"]),
        (["--shock", "driver:eth"], ["follows driver:eth", "did you mean driver:ETH?"]),
        (["--shock", "ETH"], ['"ETH" is not driver:X', "did you mean driver:ETH?"]),
        (["--shock", "token:"], ['"token:" is not driver:X, token:SYMBOL, market or shock:']),
        (["--block", "-1"], ['"-1" is neither a block number nor one of latest']),
        (["--block", "abc"], ['"abc" is neither a block number nor']),
        (["--block", "0x10"], ['"0x10" is neither a block number nor']),
        (["--block", "99999999"], ["block 99999999 is in the future (head is", "lower --block"]),
        (["--block", "27"], ["the market local begins at block 28", "scan a later block"]),
        (["--verify", "0"], ['"0" is neither a number of accounts above 0 nor "all"']),
        (["--verify", "some"], ['"some" is neither a number of accounts']),
        (["--patience", "0"], ['"0" is not a number above 0']),
        (["--patience", "nan"], ['"nan" is not a number above 0']),
        (["--json", "no/such/place.json"], ['the directory "no/such" does not exist']),
        (["--positions", "table.xlsx"], ["must end in .parquet or .csv"]),
        (["--rpc", "ftp://node"], ["endpoint 2 of 2 is not an http:// or https:// URL"]),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(
    scanned: tuple[LocalChain, Path], tmp_path: Path, options: list[str], says: list[str]
) -> None:
    """Exit 2; the message quotes what was given and says what is possible."""
    chain, folder = scanned
    says = [text.replace("block 28", f"block {chain.first_block}") for text in says]
    if options == ["--block", "27"]:
        options = ["--block", str(chain.first_block - 1)]
    deployments, before = folder / "local.toml", bytes_of(folder)

    def given(store: Path) -> list[object]:
        where = ["--rpc", chain.url, "--deployments", deployments, "--store", store]
        return ["scan", *where, *options]

    if "ftp://node" in options:  # the one message that has a URL's scheme in it
        outcome = bandscan(*given(tmp_path / "nowhere"))
        assert outcome.code == 2
        assert says[0] in outcome.err
        assert "ftp" not in outcome.err
        assert not (tmp_path / "nowhere").exists()
        return
    refused(folder, 2, given, *says)
    assert bytes_of(folder) == before


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ([], 2, ["Which chain? Give --chain"]),
        (["--chain", "77"], 2, ["no public endpoint is known for chain 77", "--rpc"]),
        (["--rpc", DEAD], 4, ["endpoint 1 of 1  cannot connect: Connection refused", "--rpc"]),
        (["--rpc", "http://no-such-host.invalid"], 4, ["cannot connect: unknown host"]),
        (["--rpc", "LOCAL", "--chain", "1"], 4, ["endpoint 1 of 1  serves chain 31337, not 1"]),
        (["--rpc", "LOCAL"], 2, ["no market is known on local", "--deployments FILE"]),
    ],
)
def test_a_chain_that_nobody_can_reach_is_told(
    scanned: tuple[LocalChain, Path], options: list[str], code: int, says: list[str]
) -> None:
    """Exit 2 where the user must say more, 4 where no endpoint is of use."""
    chain, folder = scanned
    given = [chain.url if option == "LOCAL" else option for option in options]
    refused(folder, code, lambda s: ["scan", "--store", s, "--patience", "1", *given], *says)


def test_a_shipped_market_that_began_later_does_not_stop_a_scan_of_the_past(
    scanned: tuple[LocalChain, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named and left out; the user's own file is refused instead, its number may be wrong."""
    chain, folder = scanned
    text = chain.deployments_toml()
    later = text.replace('"local"', '"later"')
    later = later.replace(f"first_block = {chain.first_block}", "first_block = 99999999")
    later = "\n".join(
        f'pool = "{NOBODY}"' if line.startswith("pool") else line for line in later.splitlines()
    )
    both = f"{text}\n{later}\n"
    (tmp_path / "own.toml").write_text(both)
    rpc = ["--rpc", chain.url, "--store"]
    own = bandscan("scan", *rpc, tmp_path / "store", "--deployments", tmp_path / "own.toml")
    assert_clear(own, 2, "the market later begins at block 99999999", "correct first_block")
    assert not (tmp_path / "store").exists()

    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "aave_v3.toml").write_text(both)
    monkeypatch.setattr("scanner.deployments.load.FOLDER", tmp_path / "shipped")
    outcome = bandscan("scan", *rpc, tmp_path / "store", "--json", tmp_path / "scan.json")
    assert outcome.code == 0, outcome.err
    assert outcome.err == "later: left out, it begins after block 300\n".replace(
        "300", str(int(chain.rpc("eth_blockNumber"), 16))
    )
    assert (tmp_path / "scan.json").read_bytes() == (folder / "scan.json").read_bytes()


ROW = """[[market]]
protocol = "aave_v3"
name = "mine"
chain_id = 31337
first_block = 1
pool = "{pool}"
"""


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[[market\n", ["The deployments file is not TOML", "line 1"]),
        ("", ["The deployments file is empty", "[[market]]"]),
        (ROW.replace("31337", '"31337"'), ['"chain_id" is a string', "an integer"]),
        (ROW.replace('"{pool}"', "5"), ['"pool" is an integer, 5', "an address"]),
        (ROW.replace("pool =", "# pool ="), ['The field "pool" is missing', "an address"]),
        (ROW.replace("first_block", "fist_block"), ['"fist_block"', "did you mean first_block?"]),
        (ROW.replace("aave_v3", "aave_v4"), ['Unknown protocol "aave_v4"', "aave_v3"]),
        (ROW + ROW, ["the same as row 1", "mine (row 2)"]),
        (ROW + ROW.replace("mine", "yours"), ["have the same pool", "would count twice"]),
        (ROW.replace("{pool}", "{wrong}"), ["checksum", "copy it again"]),
        (ROW.replace("{pool}", NOBODY), ["no contract at the pool's address", NOBODY]),
        (ROW.replace("{pool}", "{token}"), ["does not answer like an Aave v3 pool", "{token}"]),
    ],
    ids=lambda value: value[0][:30] if isinstance(value, list) else None,
)
def test_a_deployments_file_that_is_wrong_is_told_with_its_place(
    scanned: tuple[LocalChain, Path], tmp_path: Path, content: str, says: list[str]
) -> None:
    """Exit 2; file, row and field are named, and what was expected."""
    chain, folder = scanned
    pool = chain.pool
    words = {
        "{pool}": pool,
        "{token}": chain.tokens["WETH"].address,
        "{wrong}": pool[:2] + "".join(c.upper() if i % 2 else c for i, c in enumerate(pool[2:])),
    }
    for word, value in words.items():
        content = content.replace(word, value)
        says = [text.replace(word, value) for text in says]
    file = tmp_path / "markets.toml"
    file.write_text(content)
    where = ["--rpc", chain.url, "--deployments", file]
    refused(folder, 2, lambda store: ["scan", *where, "--store", store], *says)


def test_a_deployments_file_that_is_none_is_told(
    scanned: tuple[LocalChain, Path], tmp_path: Path
) -> None:
    """A missing file and a directory, by their paths."""
    chain, folder = scanned
    for file, says in ((tmp_path / "none.toml", "does not exist"), (tmp_path, "is a directory")):
        where = ["--rpc", chain.url, "--deployments", file]
        given = ["scan", *where, "--store"]
        refused(folder, 2, lambda store, given=given: [*given, store], str(file), says)


def _newer(ledger: Path) -> None:
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("PRAGMA user_version = 99")


def _garbage(ledger: Path) -> None:
    ledger.write_bytes(b"this is no database. " * 500)


def _truncated(ledger: Path) -> None:
    ledger.write_bytes(ledger.read_bytes()[: ledger.stat().st_size // 2])


def _emptied(ledger: Path) -> None:
    ledger.write_bytes(b"")


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (_newer, ["written by a newer bandscan", "version 99", "upgrade bandscan"]),
        (_garbage, ["The store is damaged", "ledger.sqlite", "move this file away"]),
        (_truncated, ["The store is damaged", "ledger.sqlite"]),
        (_emptied, ["The store is damaged", "ledger.sqlite"]),
    ],
)
def test_a_store_that_cannot_be_read_is_left_as_it_is(
    scanned: tuple[LocalChain, Path],
    folder: Path,
    harm: Callable[[Path], None],
    says: list[str],
) -> None:
    """Exit 2; finished scans stay readable, and following the advice leads to the same scan."""
    chain = scanned[0]
    ledger = folder / "store" / "ledger.sqlite"
    harm(ledger)
    before = bytes_of(folder)

    assert_clear(bandscan(*scanning(chain, folder)), 2, *says)

    assert bytes_of(folder) == before
    assert bandscan("bands", "ETH", "--store", folder / "store").code == 0
    ledger.unlink()
    assert bandscan(*scanning(chain, folder)).code == 0
    assert (folder / "scan.json").read_bytes() == (scanned[1] / "scan.json").read_bytes()


def test_a_stored_scan_that_is_damaged_is_told_to_its_readers(folder: Path) -> None:
    """Exit 2, with the file; nothing is mended silently."""
    [document] = (folder / "store").rglob("scan.json")
    document.write_bytes(document.read_bytes()[:1000])
    before = bytes_of(folder)
    outcome = bandscan("bands", "ETH", "--store", folder / "store")
    assert_clear(outcome, 2, "A stored scan is damaged", str(document), "bandscan scan")
    assert bytes_of(folder) == before


def test_a_place_that_is_no_store_is_told(scanned: tuple[LocalChain, Path], tmp_path: Path) -> None:
    """A file, and a directory whose parent is missing: exit 2, nothing made."""
    chain, folder = scanned
    file = tmp_path / "file"
    file.write_text("keep")
    where = ["--rpc", chain.url, "--deployments", folder / "local.toml"]
    for store, says in ((file, "is a file"), (tmp_path / "none" / "store", "does not exist")):
        assert_clear(bandscan("scan", *where, "--store", store), 2, says, "--store")
    assert bytes_of(tmp_path).keys() == {"file"}
    assert file.read_text() == "keep"


def test_a_store_that_another_scan_writes_is_left_to_it(
    scanned: tuple[LocalChain, Path], folder: Path
) -> None:
    """Exit 2 at once, not a wait; reading is possible meanwhile, and scanning afterwards."""
    chain = scanned[0]
    with Ledger.open(folder / "store", write=True):
        before = bytes_of(folder)
        outcome = bandscan(*scanning(chain, folder))
        assert_clear(outcome, 2, "Another scan is writing to this store", "--store")
        assert bytes_of(folder) == before
        assert bandscan("bands", "ETH", "--store", folder / "store").code == 0
    assert bandscan(*scanning(chain, folder)).code == 0


def _limited(size: int) -> str:
    """Python that lets no file of its process grow beyond `size` bytes."""
    return f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"


@pytest.mark.parametrize(
    ("size", "kept"), [(1_000, "nothing"), (30_000, "an empty ledger"), (33_000, "the borrowers")]
)
def test_a_full_disk_while_the_ledger_is_written_keeps_what_was_finished(
    scanned: tuple[LocalChain, Path], tmp_path: Path, size: int, kept: str
) -> None:
    """Exit 3 and why; with room again the next run completes, and equals the clean scan."""
    chain, clean = scanned
    outcome = ended(started(*scanning(chain, tmp_path), before=_limited(size)))
    assert_clear(outcome, 3, "The disk is full or failing", "free some space and run again")
    assert not (tmp_path / "scan.json").exists()
    assert not (tmp_path / "store" / "scans").exists()
    if kept == "nothing":
        assert not (tmp_path / "store" / "ledger.sqlite").exists()
    if kept == "the borrowers":  # found and noted in one step, before their accounts were read
        with Ledger.open(tmp_path / "store", write=False) as ledger:
            market = ledger.market(
                chain.chain_id, "aave_v3", "local", bytes.fromhex(chain.pool[2:])
            )
            assert ledger.cursor(market) is not None
            assert {"0x" + bytes(row).hex() for row in ledger.stale(market)} == chain.borrowers_ever

    again = bandscan(*scanning(chain, tmp_path))

    assert again.code == 0, again.err
    assert (tmp_path / "scan.json").read_bytes() == (clean / "scan.json").read_bytes()


def test_a_full_disk_while_the_snapshot_is_written_leaves_nothing_of_it(
    scanned: tuple[LocalChain, Path], folder: Path
) -> None:
    """Exit 3; the ledger stays as it was, no half scan is visible, and the next run stores it."""
    chain, clean = scanned
    shutil.rmtree(folder / "store" / "scans")
    (folder / "scan.json").unlink()
    size = (clean / "scan.json").stat().st_size - 1
    assert size > 33_000  # more than SQLite's own files need here
    before = bytes_of(folder)

    outcome = ended(started(*scanning(chain, folder), before=_limited(size)))

    assert_clear(outcome, 3, "The disk is full or failing", "free some space and run again")
    after = bytes_of(folder)
    assert after.pop("store/scans/.lock")
    assert after == before
    none = bandscan("bands", "ETH", "--store", folder / "store")
    assert_clear(none, 2, "There is no finished scan yet")
    assert bandscan(*scanning(chain, folder)).code == 0
    assert bytes_of(folder)["scan.json"] == bytes_of(clean)["scan.json"]
    assert bandscan("bands", "ETH", "--store", folder / "store").code == 0


def test_a_full_disk_where_the_json_goes_keeps_the_scan(
    scanned: tuple[LocalChain, Path], folder: Path
) -> None:
    """Exit 3 names the file; the scan itself is stored, and the older file stays whole."""
    chain, clean = scanned
    old = b"x" * 10
    (folder / "scan.json").write_bytes(old)
    size = (clean / "scan.json").stat().st_size - 1
    outcome = ended(started(*scanning(chain, folder), "--quiet", before=_limited(size)))
    assert_clear(outcome, 3, "The file could not be written", "scan.json", "kept in the store")
    assert (folder / "scan.json").read_bytes() == old
    assert bandscan("bands", "ETH", "--store", folder / "store").code == 0


def test_reading_where_nothing_is_tells_what_to_run(
    scanned: tuple[LocalChain, Path], tmp_path: Path
) -> None:
    """An empty store, a missing one, another chain, a missing directory for --json: exit 2."""
    store = scanned[1] / "store"
    empty = tmp_path / "empty"
    empty.mkdir()
    for command in (["bands", "ETH"], ["ticks", "ETH"], ["positions", "ETH"], ["account", NOBODY]):
        for place in (empty, tmp_path / "none"):
            outcome = bandscan(*command, "--store", place)
            assert_clear(outcome, 2, "There is no finished scan yet", "bandscan scan", str(place))
        outcome = bandscan(*command, "--store", store, "--chain", "base")
        assert_clear(outcome, 2, "The store holds no scan of base", "chains  local")
        outcome = bandscan(*command, "--store", store, "--json", tmp_path / "no" / "rows.json")
        assert_clear(outcome, 2, f'the directory "{tmp_path / "no"}" does not exist')
    assert bytes_of(tmp_path) == {}


def test_an_unknown_driver_is_told_with_those_there_are(scanned: tuple[LocalChain, Path]) -> None:
    """Exit 2: an empty table would read as "no risk"."""
    store = scanned[1] / "store"
    before = bytes_of(store)
    for command in ("bands", "ticks", "positions"):
        outcome = bandscan(command, "DOGE", "--store", store)
        assert_clear(outcome, 2, 'no driver called "DOGE"', "ETH, BTC, LINK")
    assert bytes_of(store) == before


def test_an_account_without_a_position_is_an_answer(scanned: tuple[LocalChain, Path]) -> None:
    """Exit 0: nothing was asked wrongly, and a complete scan knows that it owes nothing."""
    store = scanned[1] / "store"
    outcome = bandscan("account", NOBODY, "--store", store)
    assert outcome.code == 0
    told = " ".join(outcome.out.split())
    assert f"{NOBODY} owes nothing in what was scanned: aave_v3 local." in told
    for wrong in ("0x12", "alice.eth", NOBODY + "0"):
        outcome = bandscan("account", wrong, "--store", store)
        assert_clear(outcome, 2, f'"{wrong}" is not an address')

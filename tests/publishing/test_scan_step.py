"""`scripts/publish scan`: what is kept, whether there is a page to build, and who gets mail."""

import signal
import sqlite3
import time

import pytest

from publishing.conftest import Place
from scanner.cli import main


def progress(place: Place) -> int:
    """The block through which the ledger is read."""
    with sqlite3.connect(place.store / "ledger.sqlite") as ledger:
        ((block,),) = ledger.execute("SELECT MAX(block) FROM checkpoints")
    return int(block)


def test_a_complete_scan_is_kept_and_green(place: Place):
    """Exit code 0: save it, build from it, end green; the summary is left to the report."""
    ended = place.scan("complete")

    assert ended.code == 0, ended.log
    assert ended.outputs == {"exit": "0", "keep": "true", "complete": "true", "red": "false"}
    assert ended.summary == ""


def test_the_scan_is_one_that_bandscan_understands(place: Place):
    """Every option exists, parity is checked for all accounts, and the chain is the setting's."""
    ended = place.scan("complete", CHAIN="base")

    [[name, command, *options], *_] = ended.calls
    context = main.commands[command].make_context(command, options)
    assert (name, command) == ("bandscan", "scan")
    assert context.params["chain"] == "base"
    assert context.params["verify"] is None
    assert str(context.params["store"]) == "store"
    assert context.params["quiet"]


def test_after_a_complete_scan_its_prices_are_proven_and_the_day_is_read(place: Place):
    """Both with options that exist; where an endpoint allows neither, the page is built all the
    same and the run says so."""
    ended = place.scan("complete", BESIDE="3")

    assert [call[1] for call in ended.calls] == ["scan", "verify", "liquidations"]
    for _, command, *options in ended.calls:
        context = main.commands[command].make_context(command, options)
        assert context.params["chain"] == "ethereum"
    assert ended.outputs == {"exit": "0", "keep": "true", "complete": "true", "red": "false"}
    assert "::notice::`bandscan verify` ended with exit code 3" in ended.log
    assert [call[1] for call in place.scan("incomplete").calls][-1] == "scan"


def test_an_incomplete_scan_after_a_complete_one_marks_the_page(place: Place):
    """Kept, built from the older one, red in the end."""
    place.scan("complete")
    ended = place.scan("incomplete")

    assert ended.code == 0, ended.log
    assert ended.outputs == {"exit": "3", "keep": "true", "complete": "true", "red": "true"}
    assert "::error::The scan is incomplete" in ended.log


def test_a_first_scan_that_was_stopped_goes_on_in_the_next_run(place: Place):
    """Kept, nothing to build, green; the summary says how far it is."""
    place.scan("stopped")
    ended = place.scan("stopped")

    assert ended.code == 0, ended.log
    assert ended.outputs == {"exit": "3", "keep": "true", "complete": "false", "red": "false"}
    assert "The first scan is under way" in ended.summary
    assert "| aave_v3 core | 2,000 | 2 | 0 |" in ended.summary
    assert "::notice::" in ended.log


def test_a_first_scan_that_got_no_further_is_red(place: Place):
    """Nobody would hear of it otherwise."""
    place.scan("stopped")
    ended = place.scan("stuck")

    assert ended.outputs == {"exit": "3", "keep": "true", "complete": "false", "red": "true"}
    assert "It got no further than before" in ended.summary


def test_a_first_scan_that_ended_incomplete_is_red_and_says_why(place: Place):
    """It will not become complete by going on; the reason is on the run's page."""
    ended = place.scan("incomplete")

    assert ended.outputs == {"exit": "3", "keep": "true", "complete": "false", "red": "true"}
    assert "There is no complete scan yet" in ended.summary
    told = " ".join(ended.summary.split())
    assert "INCOMPLETE: The endpoint stopped answering after 17 of 18 batches." in told


@pytest.mark.parametrize(("how", "code"), [("no_endpoint", "4"), ("refused", "2")])
def test_a_failed_scan_is_red_and_is_not_saved(place: Place, how: str, code: str):
    """Nothing was touched, so there is nothing new to save; the page is marked if there is one."""
    first = place.scan(how)
    place.scan("complete")
    later = place.scan(how)

    told = {"exit": code, "keep": "false", "red": "true"}
    assert first.outputs == {**told, "complete": "false"}
    assert later.outputs == {**told, "complete": "true"}
    assert first.code == later.code == 0
    assert "There is no complete scan yet" in first.summary
    assert "shows the last complete scan and says so" in later.log


def test_a_code_outside_the_contract_counts_as_stopped(place: Place):
    """`bandscan report` is told only codes that it knows; such a store is not saved."""
    ended = place.scan("broken")

    assert ended.outputs == {"exit": "3", "keep": "false", "complete": "false", "red": "true"}


def test_the_time_guard_stops_a_scan_and_keeps_what_it_found(place: Place):
    """SIGTERM, as a service manager's: exit code 3, the ledger further than before."""
    ended = place.scan("slow", MINUTES="0.1")

    assert ended.code == 0, ended.log
    assert ended.outputs == {"exit": "3", "keep": "true", "complete": "false", "red": "false"}
    assert "The time is up after 0.1 minutes" in ended.log
    assert progress(place) == 1_000


def test_a_scan_that_does_not_stop_is_killed(place: Place):
    """What the ledger has by then is kept: a kill loses at most one step."""
    place.scan("stopped")
    ended = place.scan("stubborn", MINUTES="0.05", GRACE="0.5")

    assert ended.code == 0, ended.log
    assert ended.outputs == {"exit": "3", "keep": "true", "complete": "false", "red": "true"}
    assert progress(place) == 1_000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_run_keeps_what_the_scan_found(place: Place, number: signal.Signals):
    """The signal to the step's process reaches the scan, and the outputs are still written."""
    process = place.start("scan", STAND_IN="slow")
    while not (place.folder / "calls").read_text():
        time.sleep(0.05)
    process.send_signal(number)
    ended = place.ended(process)

    assert ended.code == 0, ended.log
    assert ended.outputs["keep"] == "true"
    assert progress(place) == 1_000


def test_what_the_scan_prints_is_no_command_to_the_runner(place: Place):
    """Its text is quoted: `::error::` in it does nothing, ours after it does."""
    log = place.scan("no_endpoint").log

    stop, theirs, resume, ours = (
        log.index(text)
        for text in (
            "::stop-commands::",
            "::error::no endpoint of ours",
            f"::{log.partition('::stop-commands::')[2].split()[0]}::",
            "::error::The scan found no endpoint",
        )
    )
    assert stop < theirs < resume < ours


def test_a_damaged_store_is_not_saved_over_a_good_one(place: Place):
    """A broken ledger: nothing raises, the complete scan still counts, `keep` is what scan says."""
    place.scan("complete")
    (place.store / "ledger.sqlite").write_bytes(b"no database" * 1000)
    ended = place.scan("refused")

    assert ended.code == 0, ended.log
    assert ended.outputs == {"exit": "2", "keep": "false", "complete": "true", "red": "true"}
    assert "The store is damaged" in ended.log


@pytest.mark.parametrize(
    ("setting", "value"),
    [("MINUTES", "301"), ("MINUTES", "long"), ("MINUTES", "-1"), ("GRACE", "0")],
)
def test_a_setting_that_cannot_be_meant_stops_before_the_scan(
    place: Place, setting: str, value: str
):
    """Exit code 2, the setting named, nothing started."""
    ended = place.scan("complete", **{setting: value})

    assert ended.code == 2
    assert f'::error::{setting} is "{value}"' in ended.log
    assert ended.calls == []


def test_an_empty_setting_is_none(place: Place):
    """GitHub passes a variable that is not set as an empty one."""
    ended = place.scan("complete", CHAIN="", MINUTES="", STORE="")

    assert ended.outputs["exit"] == "0"
    assert ended.calls[0][2:4] == ["--chain", "ethereum"]


def test_a_machine_without_github_prints_what_it_would_put_out(place: Place):
    """For whoever tries the step by hand."""
    process = place.start(
        "scan", STAND_IN="stopped", GITHUB_ACTIONS="", GITHUB_OUTPUT="", GITHUB_STEP_SUMMARY=""
    )
    log = place.ended(process).log

    assert "complete=false" in log
    assert "### The first scan is under way" in log
    assert "::" not in log

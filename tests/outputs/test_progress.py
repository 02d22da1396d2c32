"""Progress: bars where somebody looks, silence where nobody does."""

import io
import sys

import pytest

from scanner.outputs.progress import Bars
from scanner.redaction import redactor


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def work(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, *, quiet: bool = False) -> str:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)
    with Bars(quiet=quiet, redact=redactor(["https://eth.example.com/0123456789"])) as watch:
        watch.step("discovering borrowers", 1000)
        watch.advance(250)
        watch.say("endpoint 1 of 2 failed: GET /0123456789\x1b[2J")
        watch.step("reading", None)
        watch.advance(12)
    return stream.getvalue()


def test_a_terminal_sees_the_step_and_how_far_it_is(monkeypatch):
    """Name and count; the bars are gone at the end."""
    text = work(Terminal(), monkeypatch)

    assert "discovering borrowers" in text or "reading" in text
    assert "endpoint 1 of 2 failed: GET <hidden>" in text
    assert "\x1b[2J" not in text


@pytest.mark.parametrize("colour", [None, "1"])
def test_a_file_sees_messages_only(monkeypatch, colour):
    """No bars in a log, not even where colour is forced."""
    if colour:
        monkeypatch.setenv("FORCE_COLOR", colour)

    text = work(io.StringIO(), monkeypatch)

    assert text == "endpoint 1 of 2 failed: GET <hidden>[2J\n"


def test_quiet_is_quiet(monkeypatch):
    """In a terminal as well."""
    assert work(Terminal(), monkeypatch, quiet=True) == ""

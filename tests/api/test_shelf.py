"""Answers that are made once, kept within bounds, and taken over where they still hold."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from api.asking import Api, scan, state
from scanner.outputs.api import shelf as shelves
from scanner.outputs.api.problems import Refusal
from scanner.outputs.api.shelf import Shelf
from scanner.outputs.api.source import Chain, Question, Told


class Counting:
    """Tells every question its own name, and counts."""

    def __init__(self, seconds: float = 0.0, size: int = 10) -> None:
        self.asked: list[Question] = []
        self.seconds = seconds
        self.size = size

    def __call__(self, question: Question) -> Told:
        self.asked.append(question)
        time.sleep(self.seconds)
        return Told(b"%a" % (question,) + b" " * self.size)


def filtered(number: int) -> Question:
    return Question("bands", (("low", float(number)),))


def shelf_of(tell: object) -> Shelf:
    return Shelf(Chain(1, "ethereum", scan(tell=tell)))


def test_what_many_ask_at_once_is_made_once():
    """The others wait for it."""
    tell = Counting(seconds=0.05)
    shelf = shelf_of(tell)
    with ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(shelf.body, [filtered(1)] * 8))

    assert len(tell.asked) == 1
    assert len({id(body) for body in bodies}) == 1


def test_what_fails_is_tried_again():
    """An answer that could not be made is not kept."""
    tries = []

    def tell(question: Question) -> Told:
        tries.append(question)
        if len(tries) == 1:
            raise Refusal("unreadable", "not now")
        return Told(b"{}")

    shelf = shelf_of(tell)
    with pytest.raises(Refusal):
        shelf.body(filtered(1))

    assert shelf.body(filtered(1)).plain.bytes == b"{}"


def test_filtered_answers_are_bounded_in_number(monkeypatch):
    """Those that nobody asked for longest go first."""
    monkeypatch.setattr(shelves, "MOST_KEPT", 3)
    tell = Counting()
    shelf = shelf_of(tell)
    for number in (1, 2, 3, 1, 4, 1, 2):
        shelf.body(filtered(number))

    assert [question.get("low") for question in tell.asked] == [1, 2, 3, 4, 2]


def test_filtered_answers_are_bounded_in_bytes(monkeypatch):
    """A few large ones count as much as many small ones."""
    monkeypatch.setattr(shelves, "MOST_BYTES", 25_000)
    shelf = shelf_of(Counting(size=10_000))
    for number in range(10):
        shelf.body(filtered(number))

    assert 0 < len(shelf._kept) <= 2
    assert shelf._bytes <= 25_000


def test_plain_answers_stay():
    """However many filtered ones there are."""
    tell = Counting()
    shelf = shelf_of(tell)
    plain = Question("bands", (("driver", "ETH"),))
    shelf.body(plain)
    for number in range(600):
        shelf.body(filtered(number))

    assert shelf.ready(plain) is not None
    assert len(shelf._kept) == shelves.MOST_KEPT


def test_of_the_same_scan_answers_are_taken_over():
    """Where only the list of scans is another; what depends on the list is made again."""
    tell = Counting()
    api = Api(state(scan(tell=tell)))
    api.board.complete()
    before = len(tell.asked)
    chain = api.board.now.state.chains[1]
    api.board.show(replace(api.board.now.state, chains={1: replace(chain, newer=("x", 9))}))
    api.board.complete()

    again = {question.name for question in tell.asked[before:]}
    assert again == {"history", "scans", "positions"}
    assert "block=9; incomplete" in api.ask("/v1/bands?driver=ETH").headers["x-bandscan-newer"]


def test_of_another_scan_nothing_is_taken_over():
    """Not even what looks the same."""
    api = Api(state(scan()))
    old = api.ask("/v1/bands?driver=ETH")
    api.board.show(state(scan("000000000008-5e5e5e5e-00000008")))
    new = api.ask("/v1/bands?driver=ETH", if_none_match=old.headers["etag"])

    assert new.status == 200
    assert new.headers["x-bandscan-block"] == "8"


def test_completing_stops_when_something_newer_is_shown():
    """It would be work for nobody."""
    begun, go = threading.Event(), threading.Event()

    def slow(question: Question) -> Told:
        if question.name == "levels":
            begun.set()
            assert go.wait(10)
        return Told(b"{}")

    api = Api(state(scan(tell=slow)))
    work = threading.Thread(target=api.board.complete)
    work.start()
    assert begun.wait(10)
    api.board.show(state(scan("000000000008-5e5e5e5e-00000008")))
    go.set()
    work.join(10)

    assert not work.is_alive()
    assert api.ask("/v1/levels?driver=ETH").json["scan"] == "000000000008-5e5e5e5e-00000008"
    assert not any(b"/v1/levels" in url for url in api.board.now.ready)


@pytest.mark.parametrize("names", [("ETH", "eth"), ("eth", "ETH"), ("eth", "Eth", "ETH")])
def test_drivers_that_differ_only_in_case_are_not_mixed_up(names):
    """Each gets its own answer, ready or not; a spelling of neither is refused."""

    def tell(question: Question) -> Told:
        return Told(str(question.get("driver")).encode())

    shown = Api(state(scan(tell=tell, drivers=names)))
    shown.board.complete()

    for name in names:
        assert shown.ask(f"/v1/bands?driver={name}").body.decode() == name
    assert shown.ask("/v1/bands?driver=eTh").status == 404


def test_one_answer_that_cannot_be_made_leaves_the_others():
    """The defect is logged; whoever asks for it gets a problem."""

    def tell(question: Question) -> Told:
        if question.name == "levels":
            raise ZeroDivisionError
        return Told(question.name.encode())

    api = Api(state(scan(tell=tell)))
    api.board.complete()

    assert {type(error) for error in api.defects} == {ZeroDivisionError}
    assert api.ask("/v1/scans").status == 200
    assert api.metrics.ready == 1
    assert api.ask("/v1/levels?driver=ETH").status == 500

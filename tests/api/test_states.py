"""What is said where there is nothing good to serve: 503 with a reason, never zeros."""

import asyncio
import time

import pytest

from api.asking import Api, scan, state
from scanner.outputs.api import answering
from scanner.outputs.api.answering import Answers
from scanner.outputs.api.filters import OfScan
from scanner.outputs.api.replies import Ready
from scanner.outputs.api.source import Chain, Question, State, Told

BROKEN = State({1: Chain(1, "ethereum", None, trouble="A stored scan is damaged.")})
DATA = ("/v1/drivers", "/v1/bands", "/v1/bands?driver=ETH&from=5", "/v1/scans", "/v1/scan")


@pytest.mark.parametrize("target", DATA)
@pytest.mark.parametrize(
    ("shown", "code", "detail"),
    [
        (State(), "no_scan", "no finished scan"),
        (State(trouble="The store cannot be read: Permission denied."), "unreadable", "Permission"),
        (BROKEN, "unreadable", "damaged"),
        (State({1: Chain(1, "ethereum", None)}), "no_scan", "no finished scan of ethereum"),
    ],
)
def test_no_scan_is_no_answer(target, shown, code, detail):
    """Whatever the reason."""
    response = Api(shown).ask(target)

    assert response.status == 503
    assert response.json["type"] == f"urn:bandscan:problem:{code}"
    assert detail in response.json["detail"]
    assert response.headers["cache-control"] == "no-store"


def test_a_chain_in_trouble_does_not_take_the_others_with_it():
    """And the old answers of the one in trouble are gone."""
    api = Api(state(scan(), scan("000000000009-5e5e5e5e-00000009", chain_id=8453)))
    assert api.ask("/v1/bands?chain=1").status == 200
    base = api.board.now.state.chains[8453]
    api.board.show(State({1: BROKEN.chains[1], 8453: base}))

    assert api.ask("/v1/bands?chain=1").status == 503
    assert api.ask("/v1/bands?chain=1&driver=ETH").status == 503
    assert api.ask("/v1/bands?chain=base").status == 200


def test_trouble_passes():
    """The next good state is served, without a restart."""
    api = Api(BROKEN)
    api.board.show(state(scan()))

    assert api.ask("/v1/bands?driver=ETH").status == 200
    assert api.ask("/healthz").status == 200


def test_a_scan_that_cannot_be_answered_from_is_not_shown():
    """A document may have the right digest and still be nonsense; the scan before it is gone."""

    def broken(question):
        raise KeyError("by_protocol")

    api = Api(state(scan()))
    api.board.show(state(scan("000000000008-5e5e5e5e-00000008", tell=broken)))

    assert api.ask("/v1/bands?driver=ETH").status == 503
    assert "not what a scan writes" in api.ask("/v1/bands").json["detail"]
    assert api.ask("/healthz").json["status"] == "unreadable"
    assert [type(one) for one in api.defects] == [KeyError]


def test_a_defect_is_a_problem_of_one_line():
    """No traceback, no path, no name of a file."""

    def broken(question):
        if question.name == "levels":
            raise ZeroDivisionError("/home/somebody/secret")
        return scan().tell(question)

    api = Api(state(scan(tell=broken)))
    response = api.ask("/v1/levels?driver=ETH")

    assert (response.status, response.headers["content-type"]) == (500, "application/problem+json")
    assert b"secret" not in response.body
    assert b"Traceback" not in response.body
    assert [type(one) for one in api.defects] == [ZeroDivisionError]
    assert api.ask("/v1/bands").status == 200


@pytest.mark.parametrize(
    ("shown", "stale", "status", "reason"),
    [
        (state(scan(timestamp=0)), 1e12, "ok", None),
        (state(scan(timestamp=0)), 60, "stale", "s old; 60 s are allowed"),
        (state(scan(complete=False)), 1e12, "incomplete", "93 % of the debt found"),
        (BROKEN, 1e12, "unreadable", "damaged"),
        (State(trouble="The store cannot be read."), 1e12, "unreadable", "cannot be read"),
        (State(), 1e12, "no_scan", "no finished scan"),
    ],
)
def test_health_says_whether_to_rely_on_it(shown, stale, status, reason):
    """200 or 503, the reason, and the age where there is one."""
    response = Api(shown, stale=stale).ask("/healthz")

    assert response.status == (200 if status == "ok" else 503)
    assert response.json["status"] == status
    assert (reason or "") in (response.json["reason"] or "")
    assert response.headers["cache-control"] == "no-store"
    if status in ("ok", "stale"):
        assert response.json["chains"][0]["age_seconds"] > 1e9


def test_one_bad_chain_makes_the_whole_unwell():
    """Whoever serves two chains wants to know about either."""
    old = scan("000000000009-5e5e5e5e-00000009", chain_id=8453, complete=False)
    response = Api(state(scan(), old)).ask("/healthz")

    assert (response.status, response.json["status"]) == (503, "incomplete")
    assert [row["status"] for row in response.json["chains"]] == ["ok", "incomplete"]


def test_the_status_is_always_told():
    """Good or bad, with the age in a header."""
    good = Api(state(scan())).ask("/v1/status")
    bad = Api(BROKEN).ask("/v1/status")

    assert (good.status, good.json["version"]) == (200, "1.2.3")
    assert int(good.headers["x-bandscan-age"]) > 1e9
    assert (bad.status, bad.json["status"]) == (200, "unreadable")
    assert bad.json["chains"][0]["reason"] == "A stored scan is damaged."


def test_too_much_work_is_refused_and_not_piled_up(monkeypatch):
    """A queue without an end would answer nobody."""
    from scanner.outputs.api import answering

    monkeypatch.setattr(answering, "WAITING", 0)
    api = Api(state(scan()))
    response = api.ask("/v1/bands?driver=ETH&from=5")

    assert (response.status, response.headers["retry-after"]) == (503, "1")
    assert api.ask("/v1/bands?driver=ETH").status == 200


def test_a_client_that_left_keeps_nobody_waiting(monkeypatch):
    """Its question is neither counted nor answered."""
    monkeypatch.setattr(answering, "WAITING", 1)
    monkeypatch.setattr(answering, "AT_WORK", 1)
    asked: list[str] = []

    def tell(question: Question) -> Told:
        if question.name == "account":
            asked.append(question.get("address")[-1])
            time.sleep(0.1)
        return Told(b"{}")

    async def both() -> list[object]:
        answers = Answers(Api(state(scan(tell=tell))).board)

        async def one(number: int, *, gone: bool) -> object:
            answering.LEFT.set(lambda: gone)
            return await answers("account", OfScan(), address=f"0x{number}")

        tasks = [
            asyncio.create_task(one(number, gone=gone))
            for number, gone in ((1, True), (2, True), (3, False), (4, False))
        ]
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second, third, fourth = asyncio.run(both())

    assert asked == ["3"]
    assert [first.code, second.code, fourth.code] == ["timeout", "timeout", "busy"]
    assert isinstance(third, Ready)

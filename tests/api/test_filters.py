"""What endpoints take: all else is refused, with the parameter's name and nothing of ours."""

import json
import typing

import pytest

from api.asking import Api, of_store, scan, state
from scanner import reading
from scanner.outputs.api.filters import Sort
from scanner.outputs.api.source import Told


@pytest.fixture
def api() -> Api:
    """An API that tells what it was asked."""
    return Api(
        state(scan(tell=lambda asked: Told(json.dumps([asked.name, asked.filters]).encode())))
    )


@pytest.mark.parametrize(
    ("target", "parameter"),
    [
        ("/v1/bands?nothing=1", "nothing"),
        ("/v1/bands?low=1", "low"),
        ("/v1/bands?at=1", "at"),
        ("/v1/bands?sort=debt", "sort"),
        ("/v1/drivers?driver=ETH", "driver"),
        ("/v1/status?chain=1", "chain"),
        ("/healthz?verbose=1", "verbose"),
        ("/metrics?x=1", "x"),
        ("/openapi.json?x=1", "x"),
        ("/v1/stream?limit=1", "limit"),
        ("/v1/bands?side=up", "side"),
        ("/v1/bands?side=LONG", "side"),
        ("/v1/bands?protocol=Aave%20v3", "protocol"),
        ("/v1/bands?from=0", "from"),
        ("/v1/bands?from=-1", "from"),
        ("/v1/bands?from=nan", "from"),
        ("/v1/bands?to=inf", "to"),
        ("/v1/bands?to=Infinity", "to"),
        ("/v1/bands?to=1e999", "to"),
        ("/v1/bands?to=1e16", "to"),
        ("/v1/bands?from=1_000", "from"),
        ("/v1/bands?from=%201", "from"),
        ("/v1/bands?from=0x10", "from"),
        ("/v1/bands?from=1,000", "from"),
        ("/v1/bands?from=%D9%A1", "from"),
        ("/v1/bands?min_usd=-5", "min_usd"),
        ("/v1/bands?min_usd=nan", "min_usd"),
        ("/v1/bands?limit=0", "limit"),
        ("/v1/bands?limit=1001", "limit"),
        ("/v1/bands?limit=99999999999999999999", "limit"),
        ("/v1/bands?limit=1.0", "limit"),
        ("/v1/bands?limit=-1", "limit"),
        ("/v1/bands?limit=%2B5", "limit"),
        ("/v1/bands?incomplete=1", "incomplete"),
        ("/v1/bands?incomplete=True", "incomplete"),
        ("/v1/bands?chain=%2Fetc", "chain"),
        ("/v1/bands?cursor=abc", "cursor"),
        ("/v1/bands?driver=" + "E" * 257, "driver"),
        ("/v1/levels", "driver"),
        ("/v1/levels?driver=ETH&at=0", "at"),
        ("/v1/levels?driver=ETH&limit=1", "limit"),
        ("/v1/levels?driver=ETH" + "&at=1" * 65, "at"),
        ("/v1/positions", "driver"),
        ("/v1/positions?driver=ETH&sort=size", "sort"),
        ("/v1/history?driver=ETH&days=0", "days"),
        ("/v1/history?driver=ETH&days=1.5", "days"),
        ("/v1/history?driver=ETH&incomplete=true", "incomplete"),
        ("/v1/accounts/0x12", "address"),
        ("/v1/accounts/ETH", "address"),
        ("/v1/accounts/0x" + "g" * 40, "address"),
        ("/v1/accounts/0x" + "1" * 41, "address"),
        ("/v1/accounts/0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc3", "address"),
    ],
)
def test_what_cannot_be_meant_is_refused(api, target, parameter):
    """A problem that names the parameter; never a guess, never a traceback."""
    response = api.ask(target)

    assert response.status == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json["type"] == "urn:bandscan:problem:bad_parameter"
    assert [one["parameter"] for one in response.json["parameters"]] == [parameter]
    assert b"pydantic" not in response.body
    assert b"input" not in response.body.replace(b"Input should", b"")


@pytest.mark.parametrize(
    "query",
    [
        "driver=%zz",
        "driver=%",
        "driver=%e2%82",
        "driver=%00",
        "driver=E%0aTH",
        "driver=%7f",
        "driver=ETH&driver=ETH",
        "from=1&from=2",
        "driver",
        "driver=",
        "=ETH",
        "driver=ETH&",
        "&",
        "&".join(f"at={number}" for number in range(1, 98)),
    ],
)
def test_a_query_whose_meaning_is_in_doubt_is_refused(api, query):
    """Two servers might read it in two ways."""
    response = api.ask(f"/v1/levels?{query}")

    assert response.status == 400
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("/v1/bands", ["bands", []]),
        ("/v1/bands?driver=eth", ["bands", [["driver", "ETH"]]]),
        ("/v1/bands?chain=mainnet&side=long", ["bands", [["side", "long"]]]),
        (
            "/v1/ticks?to=2e3&from=1000.50&protocol=aave_v3&min_usd=0",
            [
                "ticks",
                [["high", 2000.0], ["least", 0.0], ["low", 1000.5], ["protocol", "aave_v3"]],
            ],
        ),
        ("/v1/levels?driver=ETH", ["levels", [["driver", "ETH"]]]),
        ("/v1/levels?at=1&driver=BTC&at=2", ["levels", [["at", [1.0, 2.0]], ["driver", "BTC"]]]),
        (
            "/v1/positions?driver=ETH&sort=at-risk&limit=1000",
            ["positions", [["driver", "ETH"], ["limit", 1000], ["sort", "at-risk"]]],
        ),
        ("/v1/history?driver=ETH&days=30", ["history", [["days", 30], ["driver", "ETH"]]]),
        (
            "/v1/accounts/0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
            ["account", [["address", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"]]],
        ),
        ("/v1/bands?incomplete=true", ["bands", []]),
        ("/v1/scan?chain=1", ["scan", []]),
    ],
)
def test_a_question_has_one_form(api, target, asked):
    """However it is spelled: that is what answers are kept under."""
    assert api.ask(target).json == asked


def test_an_unknown_driver_is_told_what_there_is(api):
    """Not an empty list: that would look like no risk."""
    response = api.ask("/v1/bands?driver=DOGE")

    assert response.status == 404
    assert response.json["drivers"] == ["ETH", "BTC"]


def test_an_unknown_chain_is_told_what_there_is(api):
    """By name, by id, and for a name that is none."""
    for name in ("base", "8453", "narnia"):
        response = api.ask(f"/v1/bands?chain={name}")
        assert (response.status, response.json["type"]) == (
            404,
            "urn:bandscan:problem:unknown_chain",
        )
        assert "ethereum" in response.json["detail"]


def test_an_unknown_protocol_is_told_what_there_is(store):
    """A misspelled one must not read as one without risk."""
    for endpoint in ("bands", "ticks", "levels", "positions"):
        response = of_store(store).ask(f"/v1/{endpoint}?driver=ETH&protocol=aave")
        assert (response.status, response.json["protocols"]) == (404, ["aave_v3"])


def test_a_range_that_holds_nothing_is_refused(store):
    """From above to."""
    response = of_store(store).ask("/v1/bands?driver=ETH&from=2000&to=1000")

    assert response.status == 400


def test_the_sort_orders_are_those_of_the_command_line():
    """In the schema they are written out; here they are held together."""
    assert set(typing.get_args(Sort)) == set(reading.SORTS)


def test_symbols_from_a_chain_are_drivers_too():
    """Whatever they are made of."""
    api = Api(state(scan(drivers=("USD₮0", "a&b=c", "A", "a"))))

    assert api.ask("/v1/bands?driver=USD%E2%82%AE0").status == 200
    assert api.ask("/v1/bands?driver=usd%E2%82%AE0&limit=1").status == 200
    assert api.ask("/v1/bands?driver=a%26b%3Dc").status == 200
    assert api.ask("/v1/bands?driver=a").status == 200
    assert len(api.board.now.ready) > 0

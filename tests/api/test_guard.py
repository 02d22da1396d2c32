"""What a request must be before anybody looks at what it asks for."""

import pytest

from api.asking import HOST, RULES, Api, scan, state
from scanner.outputs.api.guard import Rules
from scanner.outputs.api.limits import Buckets

TOKEN = b"a-token-nobody-guesses"
HOSTS = frozenset({HOST})


def api(rules: Rules = RULES) -> Api:
    return Api(state(scan()), rules)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"])
@pytest.mark.parametrize("target", ["/v1/bands", "/v1/bands?limit=5", "/nothing"])
def test_nothing_can_be_changed(method, target):
    """Everything but GET and HEAD is refused, with what is allowed."""
    response = api().ask(target, method=method)

    assert response.status == 405
    assert response.headers["allow"] == "GET, HEAD"
    assert response.json["type"] == "urn:bandscan:problem:method_not_allowed"


@pytest.mark.parametrize("host", [b"127.0.0.1:8080", b"LOCALHOST:8080"])
def test_the_servers_own_names_are_answered(host):
    """In any case of letters."""
    assert api().ask("/v1/bands", host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example",
        b"127.0.0.1",
        b"127.0.0.1:80",
        b"127.0.0.1:8080.evil.example",
        b"localhost:8080@evil.example",
        b"",
    ],
)
def test_a_rebound_name_gets_nothing(host):
    """A page on another name that resolves to us sends that name."""
    response = api().ask("/v1/bands", host=host)

    assert response.status == 421
    assert b"evil" not in response.body


def test_a_host_header_is_needed_once():
    """None is refused, and so are two: somebody in between may have read the other."""
    assert api().ask("/v1/bands", host=None).status == 400
    assert api().ask("/v1/bands", headers=((b"host", HOST),)).status == 400


def test_a_long_url_is_refused():
    """Two kilobytes are enough for every question."""
    assert api().ask("/v1/bands?driver=" + "x" * 2_033).status == 414
    assert api().ask("/" + "x" * 2_048).status == 414
    assert api().ask("/v1/bands?driver=" + "x" * 60).status == 404


@pytest.mark.parametrize(
    "headers",
    [
        ((b"content-length", b"1"),),
        ((b"content-length", b"99999999999"),),
        ((b"transfer-encoding", b"chunked"),),
    ],
)
def test_a_body_is_refused_and_not_read(headers):
    """The connection ends with it."""
    response = api().ask("/v1/bands", headers=headers)

    assert response.status == 413
    assert response.headers["connection"] == "close"


def test_an_empty_body_is_none():
    """Some clients say so."""
    assert api().ask("/v1/bands", content_length="0").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1/%62ands",
        "/v1/../etc/passwd",
        "/v1/..%2f..%2fetc",
        "//v1/bands",
        "/v1//bands",
        "/v1/bands%00",
        "/v1/bands\x00",
        "/v1\\bands",
        "/v1/b\xe4nds",
        "/v1/bands;x=1",
        "*",
    ],
)
def test_paths_with_tricks_are_refused(path):
    """No path here needs an escape."""
    response = api().ask(path.encode("latin-1"))

    assert response.status == 400
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/", "/v1/bands/", "/v1/nothing", "/docs", "/redoc"]
)
def test_there_is_nothing_elsewhere(path):
    """No redirect, no page, no listing."""
    response = api().ask(path)

    assert (response.status, response.json["status"]) == (404, 404)


@pytest.mark.parametrize("target", ["/v1/bands", "/v1/bands?limit=3", "/v1/status", "/metrics"])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (None, 401),
        ("Bearer wrong", 401),
        ("Bearer", 401),
        ("Basic " + TOKEN.decode(), 401),
        ("Bearer " + TOKEN.decode() + "x", 401),
        ("Bearer " + TOKEN.decode(), 200),
        ("bearer  " + TOKEN.decode(), 200),
    ],
)
def test_with_a_token_only_its_holder_may_ask(target, sent, status):
    """For everything but /healthz."""
    named = {} if sent is None else {"authorization": sent}
    response = api(Rules(HOSTS, token=TOKEN)).ask(target, **named)

    assert response.status == status
    assert TOKEN not in response.body
    if status == 401:
        assert response.headers["www-authenticate"].startswith("Bearer")


def test_a_health_check_needs_no_token():
    """A load balancer has none."""
    assert api(Rules(HOSTS, token=TOKEN)).ask("/healthz").status == 200


def test_two_tokens_are_none():
    """Which of them would count?"""
    both = ((b"authorization", b"Bearer " + TOKEN), (b"authorization", b"Bearer " + TOKEN))

    assert api(Rules(HOSTS, token=TOKEN)).ask("/v1/bands", headers=both).status == 400


def test_a_client_that_asks_too_often_is_told_when_to_come_back():
    """And only that one."""
    limited = api(Rules(HOSTS, buckets=Buckets(rate=0.1, burst=3)))
    answers = [limited.ask("/v1/bands", client="192.0.2.1") for _ in range(4)]
    other = limited.ask("/v1/bands", client="192.0.2.2")

    assert [one.status for one in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[3].headers["retry-after"]) <= 10
    assert other.status == 200


PAGE, OTHER = "https://page.example", "https://other.example"


@pytest.mark.parametrize(
    ("origins", "sent", "allowed"),
    [
        ((), PAGE, None),
        ((b"*",), PAGE, "*"),
        ((b"*",), None, "*"),
        ((PAGE.encode(),), PAGE, PAGE),
        ((PAGE.encode(),), OTHER, None),
        ((PAGE.encode(),), "null", None),
        ((PAGE.encode(),), None, None),
    ],
)
@pytest.mark.parametrize("target", ["/v1/bands", "/v1/bands?limit=3", "/v1/bands?x=1"])
def test_pages_of_other_origins_read_only_what_they_were_allowed(origins, sent, allowed, target):
    """And never with credentials."""
    named = {} if sent is None else {"origin": sent}
    headers = api(Rules(HOSTS, origins=frozenset(origins))).ask(target, **named).headers

    assert headers.get("access-control-allow-origin") == allowed
    assert "access-control-allow-credentials" not in headers
    assert ("Origin" in headers.get("vary", "")) is (PAGE.encode() in origins)


@pytest.mark.parametrize(("origin", "status"), [(PAGE, 204), (OTHER, 405)])
def test_a_preflight_is_answered_for_whom_it_may(origin, status):
    """Without a token, which browsers do not send along."""
    rules = Rules(HOSTS, token=TOKEN, origins=frozenset({PAGE.encode()}))
    response = api(rules).ask(
        "/v1/bands", method="OPTIONS", origin=origin, access_control_request_method="GET"
    )

    assert response.status == status
    if status == 204:
        assert response.headers["access-control-allow-methods"] == "GET, HEAD"
        assert response.headers["access-control-allow-origin"] == PAGE


def test_a_preflight_of_a_wrong_host_gets_nothing():
    """Its name may have been rebound as well."""
    response = api(Rules(HOSTS, origins=frozenset({b"*"}))).ask(
        "/v1/bands",
        method="OPTIONS",
        host=b"evil.example",
        origin=PAGE,
        access_control_request_method="GET",
    )

    assert response.status == 421

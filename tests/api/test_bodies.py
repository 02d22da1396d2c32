"""Bytes in two encodings: ETags, negotiation, 304."""

import gzip

import pytest

from api.asking import Api, scan, state
from scanner.outputs.api.bodies import Body, content, unchanged, wants_gzip
from scanner.outputs.api.source import Told

LONG = b'{"filler": "%s"}\n' % (b"x" * 2_000)


@pytest.mark.parametrize(
    ("header", "packed"),
    [
        (b"gzip", True),
        (b"GZIP", True),
        (b"x-gzip", True),
        (b"gzip;q=1.0, identity;q=0.5", True),
        (b"gzip;q=0.5, identity;q=0.5", True),
        (b"gzip;q=0.4, identity;q=0.5", False),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000", False),
        (b"*", True),
        (b"*;q=0", False),
        (b"gzip;q=0, *", False),
        (b"identity", False),
        (b"br, deflate", False),
        (b"", False),
        (b"gzip;q=nonsense", False),
        (b"," * 5_000 + b"gzip", False),
    ],
)
def test_the_client_chooses_the_encoding(header, packed):
    """Weights are honoured, and what cannot be read is not guessed."""
    assert wants_gzip(header) is packed


def test_each_encoding_has_its_own_strong_tag():
    """A cache must not take one for the other."""
    body = Body(content(LONG))

    assert gzip.decompress(body.packed.bytes) == body.plain.bytes == LONG
    assert body.packed.etag != body.plain.etag
    assert not body.plain.etag.startswith(b"W/")


def test_equal_bytes_have_equal_tags():
    """On every machine and in every run: nothing but the bytes goes into them."""
    assert content(LONG).etag == content(bytes(LONG)).etag
    assert content(LONG).packed == content(bytes(LONG)).packed
    assert content(LONG).etag != content(LONG + b" ").etag


def test_small_bodies_are_not_compressed():
    """It would save nothing."""
    body = Body(content(b"{}\n"))

    assert body.chosen(b"gzip") is body.plain


@pytest.mark.parametrize(
    ("header", "same"),
    [
        (b'"a"', True),
        (b'W/"a"', True),
        (b'"b", "a"', True),
        (b'"b",W/"a"', True),
        (b"*", True),
        (b" * ", True),
        (b'"b"', False),
        (b'"a-gzip"', False),
        (b"a", False),
        (b"", False),
        (b'"b"a"', False),
    ],
)
def test_if_none_match(header, same):
    """Lists, weak tags, and the star."""
    assert unchanged(header, b'"a"') is same


@pytest.fixture
def api() -> Api:
    """An API whose answers are long enough to be compressed."""
    return Api(state(scan(tell=lambda question: Told(LONG))))


def test_a_ready_answer_carries_everything_a_cache_needs(api):
    """And which scan it is from."""
    response = api.ask("/v1/bands?driver=ETH")

    assert response.body == LONG
    assert response.headers["content-length"] == str(len(LONG))
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["vary"] == "Accept-Encoding"
    assert response.headers["x-bandscan-scan"] == "000000000007-5e5e5e5e-00000007"
    assert response.headers["x-bandscan-block"] == "7"
    assert response.headers["x-bandscan-complete"] == "true"
    assert api.metrics.ready == 1


@pytest.mark.parametrize("target", ["/v1/bands?driver=ETH", "/v1/bands?driver=ETH&limit=5"])
def test_ready_and_made_answers_are_sent_alike(api, target):
    """With gzip, with 304, and with HEAD."""
    packed = api.ask(target, accept_encoding="gzip")
    again = api.ask(target, accept_encoding="gzip", if_none_match=packed.headers["etag"])
    other = api.ask(target, if_none_match=packed.headers["etag"])
    head = api.ask(target, method="HEAD")

    assert gzip.decompress(packed.body) == LONG
    assert packed.headers["content-encoding"] == "gzip"
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == packed.headers["etag"]
    assert "content-length" not in again.headers
    assert (other.status, other.body) == (200, LONG)
    assert (head.status, head.headers["etag"]) == (200, other.headers["etag"])


@pytest.mark.parametrize(
    "target", ["/v1/bands", "/v1/bands?limit=1", "/v1/nothing", "/healthz", "/v1/bands?x=1"]
)
def test_every_response_is_safe_to_open(api, target):
    """No sniffing, no referrer, nothing that runs."""
    headers = api.ask(target).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none'")

"""Nothing that is printed carries an RPC URL or the key in it."""

import pytest

from scanner.redaction import HIDDEN, given_urls, redactor

KEY = "Abcdef0123456789"


@pytest.mark.parametrize(
    ("url", "leak"),
    [
        (f"https://eth.example.com/v2/{KEY}", f"GET /v2/{KEY} failed"),
        (f"https://eth.example.com/v2/{KEY}", f"path={KEY.lower()}"),
        (f"https://eth.example.com/?apikey={KEY}", f"query {KEY}"),
        (f"https://eth.example.com/?a=1&b={KEY};c=2", f"b was {KEY}"),
        (f"https://user:{KEY}@eth.example.com/", f"wrong password {KEY}"),
        (f"https://{KEY}.example.com/", f"Cannot connect to host {KEY.lower()}.example.com:443"),
        (f"https://eth.example.com/%41{KEY}", f"decoded A{KEY}"),
        (f"https://eth.example.com/{KEY}%2Fx", f"{KEY}/x"),
        (f"https://eth.example.com/#{KEY}", KEY),
        (f"https://[broken/{KEY}", f"bad url https://[broken/{KEY}"),
        (f"no-scheme/{KEY}", f"bad url no-scheme/{KEY}"),
    ],
)
def test_a_key_is_hidden_wherever_in_the_url_it_stood(url, leak):
    """Path, query, user part, host name, fragment; decoded, and in another case."""
    shown = redactor([url])(leak)

    assert KEY.lower() not in shown.lower()
    assert HIDDEN in shown


def test_any_other_url_is_hidden_as_well():
    """A default endpoint, or one that a library was redirected to."""
    assert redactor([])("moved to wss://a.example/b?c=d, twice") == f"moved to {HIDDEN} twice"


def test_ordinary_words_stay():
    """A local node's URL has no secret; a message must stay readable."""
    redact = redactor(["http://localhost:8545/", "http://geth:8545/v3/eth", "", "http://127.0.0.1"])
    message = "localhost and geth at 127.0.0.1 speak v3 of eth"

    assert redact(message) == message


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan", "--rpc", "node/key"],
        ["scan", "--rpc=node/key"],
    ],
)
def test_urls_are_known_before_anything_is_parsed(arguments):
    """Even one without a scheme, which the parser will refuse."""
    assert given_urls(arguments, {}) == ["node/key"]


def test_urls_of_the_environment_are_known():
    """Separated by blanks, line breaks or commas."""
    assert given_urls([], {"BANDSCAN_RPC": "http://a,http://b\n http://c"}) == [
        "http://a",
        "http://b",
        "http://c",
    ]

"""RPC URLs are secrets: what is printed passes through here, whoever wrote it.

An endpoint's key may stand in its user part, its path, its query or its host name, and libraries
quote any of these in their errors. So every piece that could be one is remembered and replaced.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from urllib.parse import quote, unquote, urlsplit

HIDDEN = "<hidden>"

_URL = re.compile(r"\b(?:https?|wss?)://[^\s\"'<>]+", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s,]+")
_NOT_SECRET = frozenset({"127.0.0.1", "0.0.0.0"})
_SHORTEST_SEGMENT = 9  # characters; "v3" and "mainnet" are no keys
_SHORTEST_VALUE = 3  # of a query value or of a user part


def redactor(urls: Iterable[str]) -> Callable[[str], str]:
    """A function that replaces in a text every URL, and every telling piece of `urls`.

    >>> redactor(["https://eth.example.com/v3/0123456789abcdef"])(
    ...     "Cannot connect to host ETH.example.com:443, GET /v3/0123456789abcdef")
    'Cannot connect to host <hidden>:443, GET <hidden>'
    >>> redactor([])("see https://node.example/key for more")
    'see <hidden> for more'
    """
    pieces = {piece for url in urls for piece in _pieces(url)}
    # the longest first: a key must not survive because a part of it was replaced before
    known = "|".join(map(re.escape, sorted(pieces, key=len, reverse=True)))
    pattern = re.compile(known, re.IGNORECASE) if known else None

    def redact(text: str) -> str:
        text = _URL.sub(HIDDEN, text)
        return pattern.sub(HIDDEN, text) if pattern else text

    return redact


def given_urls(arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Everything in a command line and an environment that is, or was meant as, an RPC URL.

    Taken before any parsing, so that a usage error about a mistyped option hides its value too.

    >>> given_urls(["scan", "--rpc", "node/key", "--rcp=http://a/b"], {"BANDSCAN_RPC": "c, d"})
    ['node/key', 'http://a/b', 'c', 'd']
    """
    found = [after for option, after in pairwise(arguments) if option == "--rpc"]
    for argument in arguments:
        _, sign, value = argument.partition("=")
        if argument.startswith("--rpc=") or (argument.startswith("-") and sign and "://" in value):
            found.append(value)
        elif "://" in argument and argument not in found:
            found.append(argument)
    return found + urls_in(environment.get("BANDSCAN_RPC", ""))


def urls_in(text: str) -> list[str]:
    """The URLs of BANDSCAN_RPC, separated by blanks, line breaks or commas."""
    return [url for url in _SEPARATORS.split(text) if url]


def _pieces(url: str) -> set[str]:
    if not url:
        return set()
    pieces = {url}
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:  # no URL at all ("http://[broken"): the whole of it stays hidden
        return pieces
    path = parts.path.strip("/")
    long_segments = {s for s in path.split("/") if len(s) >= _SHORTEST_SEGMENT}
    values = [*re.split("[&;]", parts.query), parts.fragment]
    values = [pair.partition("=")[2] or pair for pair in values]
    user = re.split("[:@]", parts.netloc.rpartition("@")[0])
    pieces |= long_segments | {v for v in [*values, *user] if len(v) >= _SHORTEST_VALUE}
    if long_segments:
        pieces |= {parts.path.rstrip("/")}
    # providers put keys into names of several labels; "geth" or "localhost" is an ordinary word
    if "." in host and host not in _NOT_SECRET:
        pieces |= {parts.netloc, host}
    return pieces | {unquote(piece) for piece in pieces} | {quote(piece) for piece in pieces}

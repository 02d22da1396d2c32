"""What a request must be before anybody looks at what it asks for.

Pure and cheap: it runs on every request, the ready answers included.
"""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from scanner.outputs.api.bodies import Headers
from scanner.outputs.api.limits import Buckets
from scanner.outputs.api.problems import Refusal, method_not_allowed

LONGEST_URL = 2_048  # bytes, path and query
OPEN = b"/healthz"  # answers without a token: a load balancer has none

_PATH = re.compile(rb"/[A-Za-z0-9_./-]*")
# Headers of which two would mean that somebody in between and we read different requests.
_SINGLE = frozenset({b"host", b"authorization", b"content-length", b"origin", b"last-event-id"})


@dataclass(frozen=True)
class Rules:
    """How the server was started.

    Attributes
    ----------
    hosts : frozenset of bytes
        Every Host header that is answered, in lower case. A page whose name was rebound to our
        address sends its own name, and gets nothing.
    token : bytes or None
        Who may ask: whoever sends it.
    buckets : Buckets or None
        How often one client may ask.
    origins : frozenset of bytes
        Pages whose scripts may read the answers; b"*" among them stands for all.
    """

    hosts: frozenset[bytes]
    token: bytes | None = None
    buckets: Buckets | None = None
    origins: frozenset[bytes] = field(default_factory=frozenset)


Given = dict[bytes, bytes]


def headers_of(scope: Any) -> Given:
    """The request's headers by name; a list header sent in several lines is one.

    Raises Refusal where a header that may stand once stands twice.
    """
    given: Given = {}
    for name, value in scope["headers"]:
        if name not in given:
            given[name] = value
        elif name in _SINGLE:
            raise Refusal("bad_request", f"Two {name.decode()} headers.", close=True)
        else:
            given[name] = given[name] + b", " + value
    return given


def check(
    scope: Any, given: Given, rules: Rules, clock: Callable[[], float], *, asking: bool = False
) -> None:
    """Raises Refusal for what must not pass; the cheapest questions come first.

    `asking`: it is a browser's preflight, which carries no token and no other method.
    """
    method = scope["method"]
    if method != "GET" and method != "HEAD" and not asking:
        raise method_not_allowed()
    path, query = scope["raw_path"], scope["query_string"]
    if len(path) + len(query) > LONGEST_URL:
        raise Refusal("uri_too_long", f"At most {LONGEST_URL} bytes.", close=True)
    if given.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in given:
        raise Refusal(
            "body_refused", "Ask by path and query; a body says nothing here.", close=True
        )
    _check_host(given, rules)
    if not _PATH.fullmatch(path) or b".." in path or b"//" in path:
        # no path of ours needs an escape, so none is decoded
        raise Refusal("bad_request", "The path holds characters that no path here has.")
    if rules.token is not None and path != OPEN and not asking:
        _check_token(given, rules.token)
    if rules.buckets is not None and scope["client"]:
        seconds = rules.buckets.wait(scope["client"][0], clock())
        if seconds:
            raise Refusal(
                "too_many_requests",
                f"Come back in {seconds} s. Answers carry an ETag, and /v1/stream tells of news.",
                headers=[(b"retry-after", b"%d" % seconds)],
            )


def _check_host(given: Given, rules: Rules) -> None:
    host = given.get(b"host")
    if host is None:
        raise Refusal("bad_request", "A Host header is needed.", close=True)
    if host not in rules.hosts and host.lower() not in rules.hosts:
        raise Refusal(
            "wrong_host",
            "Use the address that the server was started with, or start it with"
            " --allow-host NAME for the name you use.",
            close=True,
        )


def _check_token(given: Given, token: bytes) -> None:
    scheme, _, sent = given.get(b"authorization", b"").partition(b" ")
    # the comparison takes as long for a wrong token as for a right one
    if scheme.lower() != b"bearer" or not hmac.compare_digest(sent.strip(), token):
        raise Refusal(
            "unauthorized",
            "Send the server's token: Authorization: Bearer ...",
            headers=[(b"www-authenticate", b'Bearer realm="bandscan"')],
        )


EXPOSED = (
    b"ETag, Link, Retry-After, X-Bandscan-Scan, X-Bandscan-Block, X-Bandscan-Complete,"
    b" X-Bandscan-Newer, X-Bandscan-Next"
)


def cross_origin(given: Given, rules: Rules) -> Headers:
    """The headers that let a page of another origin read the answer; none for most.

    Never with credentials: whoever may read, may read as nobody.
    """
    if not rules.origins:
        return []
    exposed = (b"access-control-expose-headers", EXPOSED)
    if b"*" in rules.origins:
        return [(b"access-control-allow-origin", b"*"), exposed]
    varies, origin = (b"vary", b"Origin"), given.get(b"origin")
    if origin not in rules.origins:
        return [varies]
    return [(b"access-control-allow-origin", origin), exposed, varies]


def preflight(scope: Any, given: Given, rules: Rules) -> Headers | None:
    """What to tell a browser that asks before it asks; None where it is not one that may."""
    if scope["method"] != "OPTIONS" or b"access-control-request-method" not in given:
        return None
    if b"*" not in rules.origins and given.get(b"origin") not in rules.origins:
        return None
    return [
        (b"access-control-allow-methods", b"GET, HEAD"),
        (b"access-control-allow-headers", b"Authorization, If-None-Match, Last-Event-ID"),
        (b"access-control-max-age", b"600"),
    ]

"""What is refused, as RFC 9457 problem details; a body that says what to do, and nothing of us."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from scanner.outputs.api.bodies import NEVER_KEPT, SAFE, Headers
from scanner.outputs.document import encode

SCHEMA = "bandscan/1"
KIND = b"application/problem+json"

# code: (status, title). The code is a stable word for programs, the last part of "type".
PROBLEMS = {
    "bad_request": (400, "The request cannot be understood"),
    "bad_parameter": (400, "A parameter cannot be meant"),
    "several_chains": (400, "The store holds several chains"),
    "unauthorized": (401, "A token is needed"),
    "not_found": (404, "There is no such thing here"),
    "unknown_chain": (404, "No scan of that chain"),
    "unknown_driver": (404, "The scan has no such driver"),
    "unknown_protocol": (404, "The scan has no such protocol"),
    "not_read": (404, "This was never read into the store"),
    "method_not_allowed": (405, "This API is read-only"),
    "timeout": (408, "The request took too long"),
    "scan_replaced": (410, "A newer scan has replaced the one that was paged through"),
    "body_refused": (413, "No body is taken"),
    "uri_too_long": (414, "The URL is too long"),
    "wrong_host": (421, "This server does not answer for that host"),
    "too_many_requests": (429, "Too many requests"),
    "headers_too_large": (431, "The headers are too large"),
    "internal": (500, "A defect of bandscan"),
    "no_scan": (503, "There is no finished scan yet"),
    "incomplete": (503, "There is no complete scan yet"),
    "unreadable": (503, "The newest scan cannot be read"),
    "busy": (503, "Too much is going on"),
}


class Refusal(Exception):
    """A request that gets a problem instead of an answer.

    Parameters
    ----------
    code : str
        A key of `PROBLEMS`.
    detail : str
        One sentence for people. Never what the client sent, a path of this machine or a URL.
    headers : sequence of (name, value)
        Such as Allow or Retry-After.
    close : bool
        Whether the connection ends with it: where a body may follow that nobody reads.
    more
        Further members of the body: "reasons", "parameters" ...
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        headers: Sequence[tuple[bytes, bytes]] = (),
        close: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.headers = [*headers, *([(b"connection", b"close")] if close else [])]
        self.more = more

    @property
    def status(self) -> int:
        """The HTTP status."""
        return PROBLEMS[self.code][0]

    def body(self) -> bytes:
        """The problem as JSON."""
        status, title = PROBLEMS[self.code]
        return encode(
            {
                "schema": SCHEMA,
                "type": f"urn:bandscan:problem:{self.code}",
                "title": title,
                "status": status,
                "detail": self.detail,
                **self.more,
            }
        )

    def all_headers(self, body: bytes) -> Headers:
        """Every header of the response."""
        return [
            (b"content-type", KIND),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", NEVER_KEPT),
            *self.headers,
            *SAFE,
        ]

    def wire(self) -> bytes:
        """The whole response as bytes, for connections that never became a request."""
        body = self.body()
        headers = [*self.all_headers(body), (b"connection", b"close")]
        lines = [b"%s: %s\r\n" % pair for pair in dict(headers).items()]
        status = b"HTTP/1.1 %d %s\r\n" % (self.status, HTTPStatus(self.status).phrase.encode())
        return b"".join([status, *lines, b"\r\n", body])


def method_not_allowed() -> Refusal:
    """Anything but GET and HEAD."""
    return Refusal(
        "method_not_allowed",
        "Use GET or HEAD; nothing can be changed here.",
        headers=[(b"allow", b"GET, HEAD")],
        close=True,
    )


def internal() -> Refusal:
    """A defect of ours: nothing of it is told but that there is one."""
    return Refusal("internal", "Please report it, with what you asked for.")

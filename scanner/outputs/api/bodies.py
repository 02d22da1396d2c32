"""Ready bytes: an answer in its two encodings, its ETags, and every header that never changes."""

import gzip
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

Headers = list[tuple[bytes, bytes]]

JSON = b"application/json"
REVALIDATED = b"no-cache"  # may be kept, is asked for again: a 304 costs next to nothing
NEVER_KEPT = b"no-store"

# On every response: nothing here is a page, and nothing may be taken for one.
SAFE: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
]

_WORTH_IT = 1_000  # bytes; below, gzip saves nothing that is felt
_LEVEL = 6
_LONGEST = 1_000  # bytes of an Accept-Encoding that are looked at
_TAG = re.compile(rb'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_CODING = re.compile(r"\s*([a-z0-9!#$%&'*+.^_`|~-]+)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?")


@dataclass(frozen=True)
class Content:
    """An answer's bytes, plain and compressed, each with its own strong ETag."""

    plain: bytes
    etag: bytes
    packed: bytes | None  # None where it would save nothing
    packed_etag: bytes


def content(plain: bytes) -> Content:
    """Compress and tag `plain`; the same bytes give the same tags on every machine."""
    digest = hashlib.sha256(plain).hexdigest()[:32].encode()
    packed = gzip.compress(plain, _LEVEL, mtime=0) if len(plain) >= _WORTH_IT else None
    return Content(plain, b'"%s"' % digest, packed, b'"%s-gzip"' % digest)


@dataclass(frozen=True)
class Variant:
    """One representation: what is sent, and the headers of a 200 and of a 304."""

    etag: bytes
    bytes: bytes
    headers: Headers
    unchanged: Headers


class Body:
    """A content with its headers.

    Parameters
    ----------
    facts : list of (name, value)
        Headers of this answer alone: scan, block, next page.
    cache : bytes
        Its Cache-Control.
    """

    __slots__ = ("content", "packed", "plain")

    def __init__(
        self,
        content: Content,
        facts: Sequence[tuple[bytes, bytes]] = (),
        cache: bytes = REVALIDATED,
        kind: bytes = JSON,
    ) -> None:
        def variant(etag: bytes, data: bytes, *coding: tuple[bytes, bytes]) -> Variant:
            kept = [(b"etag", etag), (b"cache-control", cache), (b"vary", b"Accept-Encoding")]
            kept += [*facts, *SAFE]
            size = (b"content-length", b"%d" % len(data))
            return Variant(etag, data, [(b"content-type", kind), size, *coding, *kept], kept)

        self.content = content
        self.plain = variant(content.etag, content.plain)
        self.packed = self.plain
        if content.packed is not None:
            coding = (b"content-encoding", b"gzip")
            self.packed = variant(content.packed_etag, content.packed, coding)

    def chosen(self, accept_encoding: bytes | None) -> Variant:
        """The representation that the client prefers."""
        if accept_encoding is None:
            return self.plain
        return self.packed if wants_gzip(accept_encoding) else self.plain


@lru_cache(maxsize=256)
def wants_gzip(accept_encoding: bytes) -> bool:
    """Whether gzip is acceptable and not less welcome than the plain bytes.

    >>> wants_gzip(b"gzip, deflate, br"), wants_gzip(b"*"), wants_gzip(b"br;q=1, gzip;q=0.2")
    (True, True, True)
    >>> wants_gzip(b"gzip;q=0"), wants_gzip(b"identity, gzip;q=0.5"), wants_gzip(b"")
    (False, False, False)
    """
    weights: dict[str, float] = {}
    for part in accept_encoding[:_LONGEST].decode("latin-1").lower().split(","):
        if match := _CODING.fullmatch(part):
            weights[match[1]] = float(match[2] or 1)
    anything = weights.get("*", 0.0)
    packed = max(weights.get("gzip", anything), weights.get("x-gzip", 0.0))
    return packed > 0 and packed >= weights.get("identity", 0.0)


def unchanged(if_none_match: bytes, etag: bytes) -> bool:
    """Whether a client that sent this If-None-Match has the representation `etag` already.

    >>> unchanged(b'"a"', b'"a"'), unchanged(b'W/"a", "b"', b'"a"'), unchanged(b"*", b'"a"')
    (True, True, True)
    >>> unchanged(b'"b"', b'"a"'), unchanged(b'"a-gzip"', b'"a"'), unchanged(b"a", b'"a"')
    (False, False, False)
    """
    if if_none_match == etag or if_none_match.strip() == b"*":
        return True
    return etag in _TAG.findall(if_none_match)

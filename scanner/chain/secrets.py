"""Keeping URLs out of everything a person or a file may see.

Keys live in the path, the query, the user part and sometimes the host name of an RPC URL, and
nodes echo them in error texts. An endpoint is therefore only ever called "endpoint 1 of 2", and
every text that came in from outside passes through a `Redactor`.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from urllib.parse import unquote, urlsplit

MASK = "***"
LONGEST = 200  # characters of foreign text worth showing
_ENOUGH = 4_096  # characters of it that nearly always hold those
_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]+"
)


class Redactor:
    """Replaces every part of the given URLs that may be secret by `***`.

    >>> Redactor(["https://node.example/v2/k3y-abcdef"])("no such key: K3Y-ABCDEF at node.example")
    'no such key: *** at ***'
    """

    def __init__(self, urls: Sequence[str]) -> None:
        words = {part for url in urls for part in _parts(url)}
        longest_first = sorted(words, key=lambda word: (-len(word), word))
        self._longest = max(map(len, words), default=0)
        self._pattern = (
            re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if words else None
        )

    def __repr__(self) -> str:
        return "Redactor()"

    def __call__(self, text: str) -> str:
        """`text` without secrets, without control characters, at most 200 characters long."""
        if len(text) > _ENOUGH:
            # A node may quote 100 KB of reverted data. What was cut within a secret stays hidden:
            # it can only be among the last characters.
            first = self._clean(text[:_ENOUGH])
            if len(first) > LONGEST + self._longest:
                return first[: LONGEST - 1] + "…"
        text = self._clean(text)
        return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"

    def _clean(self, text: str) -> str:
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        return _CONTROL.sub(" ", text).strip()


def _parts(url: str) -> Iterable[str]:
    split = urlsplit(url)
    found = {url, url.rstrip("/"), url.partition("://")[2], split.netloc}
    found |= {split.hostname or "", split.netloc.rpartition("@")[2]}
    # A key may be one label of the host name (name-of-key.provider.example).
    found |= {label for label in (split.hostname or "").split(".") if len(label) >= 12}
    found |= {split.username or "", split.password or ""}
    if split.username:
        pair = f"{unquote(split.username)}:{unquote(split.password or '')}"
        found |= {pair, base64.b64encode(pair.encode()).decode()}
    if len(split.path) > 1:
        found.add(split.path.rstrip("/"))
    found |= {segment for segment in split.path.split("/") if len(segment) >= 6}
    found |= {split.query, split.fragment}
    found |= {pair.partition("=")[2] for pair in split.query.split("&")}
    found |= {unquote(part) for part in found}
    return {part for part in found if len(part) >= 3}

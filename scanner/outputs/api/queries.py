"""The query string, read strictly: what is odd is refused and not guessed at."""

import re
from urllib.parse import unquote_to_bytes

from scanner.outputs.api.problems import Refusal

REPEATABLE = frozenset({"at"})
MOST = 96  # parameters in one request

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def check(query: bytes) -> None:
    """Raises Refusal for a query whose meaning is in doubt.

    That is: broken escapes, bytes that are no UTF-8, control characters, a parameter that stands
    twice, one without a value.
    """
    if not query:
        return
    parts = query.split(b"&")
    if len(parts) > MOST:
        raise Refusal("bad_parameter", f"At most {MOST} parameters.")
    seen: set[str] = set()
    for part in parts:
        name, sign, value = part.partition(b"=")
        key, text = _decoded(name), _decoded(value)
        if not key or not sign or not text:
            raise Refusal("bad_parameter", "Every parameter is name=value, with neither empty.")
        if key in seen and key not in REPEATABLE:
            raise Refusal("bad_parameter", "A parameter is given twice; only `at` may be repeated.")
        seen.add(key)


def _decoded(part: bytes) -> str:
    if _BAD_ESCAPE.search(part):
        raise Refusal("bad_request", "The query holds a broken % escape.")
    try:
        text = unquote_to_bytes(part.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise Refusal("bad_request", "The query is no UTF-8.") from None
    if _CONTROL.search(text):
        raise Refusal("bad_request", "The query holds control characters.")
    return text

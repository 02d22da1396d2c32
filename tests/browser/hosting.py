"""A folder over http under a sub-path, as a project's Pages serve it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PREFIX = "/some/project/"


class _Handler(SimpleHTTPRequestHandler):
    """Everything outside the sub-path is missing, as it would be there."""

    def translate_path(self, path: str) -> str:
        if not path.startswith(PREFIX):
            return str(Path(self.directory) / "missing")
        return super().translate_path("/" + path.removeprefix(PREFIX))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        status = code.value if isinstance(code, HTTPStatus) else code
        self.server.answered.append((self.path, int(status)))  # type: ignore[attr-defined]

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class Host:
    """`url` ends with a slash; `answered` holds (path, status) of every request so far."""

    def __init__(self, url: str, answered: list[tuple[str, int]]) -> None:
        self.url = url
        self.answered = answered


@contextmanager
def hosted(folder: Path) -> Iterator[Host]:
    """Serve `folder` on a free port of this machine's loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder))) as server:
        answered: list[tuple[str, int]] = []
        server.answered = answered  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Host(f"http://127.0.0.1:{server.server_address[1]}{PREFIX}", answered)
        server.shutdown()

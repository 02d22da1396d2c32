"""An endpoint between the scanner and a good node, that does whatever a test tells it to."""

import json
import threading
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Question = dict[str, Any]
Answer = dict[str, Any]
Reply = tuple[int, bytes]  # HTTP status and body


class Gone(Exception):
    """Raised in a rule: the connection is closed without a word, and so is every later one."""


class Proxy:
    """`with Proxy(chain.url) as endpoint:`; passes everything on until told otherwise.

    Attributes
    ----------
    url : str
        Of this endpoint; `at` gives it another path, query or user.
    asked : list of str
        The methods of all requests, in order.
    before : callable
        (question, number of the request from 1) -> the question to pass on, or a reply (status,
        body) that is sent instead. May raise `Gone`.
    after : callable
        (question, answer) -> the answer to send.
    """

    def __init__(self, upstream: str = "") -> None:
        self._upstream = upstream
        self.asked: list[str] = []
        self.before: Callable[[Question, int], Question | Reply] = lambda question, number: question
        self.after: Callable[[Question, Answer], Answer] = lambda question, answer: answer
        self._lock = threading.Lock()
        self._gone = False

    def __enter__(self) -> Self:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # headers and body in one packet
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    status, content = proxy._serve(json.loads(body))
                except Gone:
                    proxy._gone = True
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def at(self, *, user: str = "", rest: str = "") -> str:
        """The URL with `user`@ before the host and `rest` (path, query) after the port."""
        return self.url.replace("//", f"//{user}@" if user else "//") + rest

    def _serve(self, question: Question) -> Reply:
        with self._lock:
            self.asked.append(question["method"])
            number = len(self.asked)
        if self._gone:
            raise Gone
        passed = self.before(question, number)
        if isinstance(passed, tuple):
            return passed
        request = urllib.request.Request(
            self._upstream,
            json.dumps(passed).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.loads(response.read())
        return 200, json.dumps(self.after(question, answer)).encode()

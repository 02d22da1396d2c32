"""Chromium for tests: `Browser` is the process, `Page` a page in it, what it said and asked for.

Each page has a profile of its own: nothing that one remembers is known to another.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from browser.unpacked import HERE, chromium

DESKTOP, TABLET, PHONE = (1440, 900), (768, 1024), (390, 844)


class BrowserError(Exception):
    """The browser could not do what it was told."""


class Browser:
    """One headless Chromium; a context manager."""

    def __init__(self) -> None:
        found = chromium()
        self._driver = subprocess.Popen(
            ["node", "page.mjs", found.path],
            cwd=HERE,
            env=os.environ | found.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Browser":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._driver.stdin is not None
        self._driver.stdin.close()
        self._driver.wait(timeout=30)

    def ask(self, task: str, **details: Any) -> Any:
        """What the driver answers.

        Raises
        ------
        BrowserError
            It could not do it, or is gone.
        """
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        self._driver.stdin.write(json.dumps({"do": task, **details}) + "\n")
        self._driver.stdin.flush()
        line = self._driver.stdout.readline()
        if not line:
            raise BrowserError(f"the driver ended while it did {task} {details}")
        answer = json.loads(line)
        if "error" in answer:
            raise BrowserError(f"{task}: {answer['error']}")
        return answer["value"]

    def open(
        self,
        url: str,
        size: tuple[int, int] = DESKTOP,
        *,
        scheme: str = "light",
        motion: str = "no-preference",
        script: bool = True,
        clock: float | None = None,
        touch: bool = False,
    ) -> "Page":
        """A page, loaded. `clock`: seconds since 1970 that stand still for its scripts."""
        width, height = size
        number = self.ask(
            "open",
            url=url,
            width=width,
            height=height,
            scheme=scheme,
            motion=motion,
            script=script,
            clock=clock,
            touch=touch,
        )
        return Page(self, number)


class Page:
    """A page of the browser; a context manager."""

    def __init__(self, browser: Browser, number: int) -> None:
        self._browser = browser
        self._number = number

    def __enter__(self) -> "Page":
        return self

    def __exit__(self, *_: object) -> None:
        self._ask("close")

    def _ask(self, task: str, **details: Any) -> Any:
        return self._browser.ask(task, page=self._number, **details)

    def js(self, code: str) -> Any:
        """The value of a JavaScript expression in the page; promises are waited for."""
        return self._ask("evaluate", code=code)

    def call(self, function: str, *arguments: Any) -> Any:
        """The value of a JavaScript function of these arguments."""
        return self.js(f"({function})({', '.join(json.dumps(each) for each in arguments)})")

    def focus(self, selector: str) -> None:
        """As by the Tab key: the focus is seen."""
        self.call("(s) => document.querySelector(s).focus({focusVisible: true})", selector)

    def centre(self, selector: str) -> None:
        """Scroll it to the middle of the window."""
        self.call("(s) => document.querySelector(s).scrollIntoView({block: 'center'})", selector)
        self.settle()

    def settle(self) -> None:
        """Let events of the last action reach the page: two frames."""
        self.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def goto(self, url: str) -> None:
        self._ask("goto", url=url)

    def reload(self) -> None:
        self._ask("reload")

    def resize(self, width: int, height: int = 900) -> None:
        self._ask("resize", width=width, height=height)

    def prefer(self, scheme: str) -> None:
        """The machine's colour scheme, light or dark."""
        self._ask("media", scheme=scheme)

    def print_media(self, on: bool = True) -> None:
        self._ask("media", type="print" if on else None)

    def hover(self, selector: str) -> None:
        self._ask("hover", selector=selector)

    def move(self, x: float, y: float) -> None:
        self._ask("move", x=x, y=y)

    def click(self, selector: str) -> None:
        self._ask("click", selector=selector)

    def go(self, selector: str) -> None:
        """Click a link and wait for where it leads."""
        self._ask("go", selector=selector)

    def save(self, selector: str, folder: Path) -> Path:
        """Click a link to a file and wait until it is saved."""
        name: str = self._ask("save", selector=selector, folder=str(folder))
        return folder / name

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self._ask("drag", **{"from": start, "to": end})

    def tap(self, x: float, y: float) -> None:
        """By finger; the page must have been opened with `touch`."""
        self._ask("tap", x=x, y=y)

    def press(self, *keys: str) -> None:
        """Key by key, by the names of KeyboardEvent.key; "Shift+Tab" holds Shift."""
        self._ask("press", keys=keys)

    def shot(self, path: Path, *, full: bool = True) -> None:
        self._ask("shot", path=str(path), full=full)

    def pdf(self, path: Path) -> None:
        """Printed on A4."""
        self._ask("pdf", path=str(path))

    def axe(self, rules: Sequence[str] | None = None) -> dict[str, Any]:
        """{"violations": [{id, impact, help, nodes}], "passes": int}; of all rules, or of these."""
        found: dict[str, Any] = self._ask("axe", rules=rules)
        return found

    def seen(self) -> dict[str, list[Any]]:
        """{"console": [{type, text, where}], "errors": [str], "requests": [{url, kind}]}."""
        found: dict[str, list[Any]] = self._ask("seen")
        return found

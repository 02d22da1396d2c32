"""GitHub, where a run meets it: outputs, the summary, notes on the run's page, and questions."""

import json
import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scanner.errors import BandscanError


def at_github() -> bool:
    """Whether this is a step of a run on GitHub."""
    return bool(os.environ.get("GITHUB_ACTIONS"))


def put(**outputs: object) -> None:
    """Outputs of the step; booleans in the spelling of GitHub's expressions."""
    for name, value in outputs.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        _append("GITHUB_OUTPUT", f"{name}={text}")


def summary(title: str, *parts: str) -> None:
    """A section of the run's summary; parts are Markdown, empty ones are left out."""
    _append("GITHUB_STEP_SUMMARY", "\n\n".join([f"### {title}", *filter(None, parts)]) + "\n")


def fenced(text: str) -> str:
    """Text that has names of tokens in it, which anyone may choose: shown as it stands.

    >>> print(fenced("a ``` b"))
    ````text
    a ``` b
    ````
    """
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.rstrip()}\n{fence}"


def note(kind: str, text: str) -> None:
    """A sentence of ours on the run's page; `kind` is "notice" or "error"."""
    print(f"::{kind}::{text}" if at_github() else f"{kind}: {text}", flush=True)


@contextmanager
def quoting() -> Iterator[None]:
    """Around what other programs print: nothing in it is taken for a command to the runner."""
    word = secrets.token_hex(16)
    if at_github():
        print(f"::stop-commands::{word}", flush=True)
    try:
        yield
    finally:
        if at_github():
            print(f"::{word}::", flush=True)


def ask(path: str) -> dict[str, Any]:
    """What GitHub's interface answers about this repository.

    Raises
    ------
    BandscanError
        It gave no answer; its own words are in the log.
    """
    try:
        answer: dict[str, Any] = json.loads(_gh("api", f"repos/{_repository()}/{path}"))
    except ValueError as error:
        raise _silent() from error
    return answer


def download(run: int, name: str, folder: Path) -> None:
    """The artifact `name` of a run, into a new folder; raises BandscanError like `ask`."""
    _gh("run", "download", str(run), "--repo", _repository(), "--name", name, "--dir", str(folder))


def _repository() -> str:
    return os.environ["GITHUB_REPOSITORY"]


def _gh(*arguments: str) -> bytes:
    try:
        return subprocess.run(["gh", *arguments], stdout=subprocess.PIPE, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise _silent() from error


def _silent() -> BandscanError:
    return BandscanError("GitHub did not say which stored scans it has.", fix="run again later")


def _append(variable: str, text: str) -> None:
    if target := os.environ.get(variable):
        with open(target, "a", encoding="utf-8") as file:
            file.write(text + "\n")
    else:
        print(text, flush=True)

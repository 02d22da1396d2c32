"""Values of the command line: what they look like, and one clear refusal where they do not.

All of it happens before anything is touched; click turns a refusal into exit code 2.
"""

import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from scanner.redaction import urls_in

TAGS = ("latest", "safe", "finalized")
_LARGEST = 2**63 - 1  # what the store's integer columns hold

if TYPE_CHECKING:  # generic from click 8.3 on only
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType

Parameter = click.Parameter | None
Context = click.Context | None


class Block(ParamType):
    """A block number, or a tag that the node resolves."""

    name = "N|latest|safe|finalized"

    def convert(self, value: Any, param: Parameter, ctx: Context) -> int | str:
        text = str(value)
        if text in TAGS:
            return text
        if _digits(text) and int(text) <= _LARGEST:
            return int(text)
        return self.fail(
            f'"{text}" is neither a block number nor one of {", ".join(TAGS)}', param, ctx
        )


class Shock(ParamType):
    """Which prices move together, spelled in its one way."""

    name = "driver:X|token:SYMBOL|market|shock:X=1,Y=0.8"

    def convert(self, value: Any, param: Parameter, ctx: Context) -> str:
        text = str(value)
        if not re.fullmatch(r"market|(driver|token|shock):\S+", text):
            hint = f"; did you mean driver:{text}?" if re.fullmatch(r"\w+", text) else ""
            hint = f"; did you mean shock:{text}?" if re.fullmatch(r"\S+=\S+", text) else hint
            kinds = "driver:X, token:SYMBOL, market or shock:X=1,Y=0.8"
            self.fail(f'"{text}" is not {kinds}{hint}', param, ctx)
        from scanner.core.weighted import canonical

        try:
            return canonical(text)
        except ValueError as error:
            return self.fail(f'"{text}": {error}', param, ctx)


class Verify(ParamType):
    """How many accounts to check by the protocol's own view; None stands for all."""

    name = "N|all"

    def convert(self, value: Any, param: Parameter, ctx: Context) -> int | None:
        text = str(value)
        if text == "all":
            return None
        if not _digits(text) or not 0 < int(text) <= _LARGEST:
            self.fail(f'"{text}" is neither a number of accounts above 0 nor "all"', param, ctx)
        return int(text)


class Keep(ParamType):
    """For how many days scans are kept as history; None stands for all of them, for ever."""

    name = "DAYS|all"

    def convert(self, value: Any, param: Parameter, ctx: Context) -> int | None:
        text = str(value)
        if text == "all":
            return None
        if not _digits(text) or not 2 <= int(text) <= 36_500:
            self.fail(f'"{text}" is neither a number of days from 2 up nor "all"', param, ctx)
        return int(text)


class Positive(ParamType):
    """A finite number above zero, with what it counts in its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, value: Any, param: Parameter, ctx: Context) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            self.fail(f'"{value}" is not a number above 0', param, ctx)
        return number


class Every(ParamType):
    """How often to look: seconds, or None for each block."""

    name = "SECONDS|block"

    def convert(self, value: Any, param: Parameter, ctx: Context) -> float | None:
        if value == "block":
            return None
        return Positive(self.name).convert(value, param, ctx)


class Ago(ParamType):
    """A length of time: 30m, 1h, 24h, 7d. [s]"""

    name = "30m|1h|24h|7d"

    def convert(self, value: Any, param: Parameter, ctx: Context) -> int:
        from scanner.core.realised import seconds_of

        if isinstance(value, int):
            return value
        try:
            return seconds_of(str(value))
        except ValueError as error:
            return self.fail(f'"{value}": {error}', param, ctx)


class Account(ParamType):
    """An address, in lower case once it is accepted; mixed case must carry its checksum."""

    name = "0x address"

    def convert(self, value: Any, param: Parameter, ctx: Context) -> str:
        text = str(value)
        if not re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
            self.fail(f'"{text}" is not an address: 0x and 40 hexadecimal digits', param, ctx)
        digits = text[2:]
        if digits not in (digits.lower(), digits.upper()):
            from scanner.deployments._toml import checksummed

            if checksummed(bytes.fromhex(digits)) != text:
                self.fail(
                    f'the checksum of "{text}" is wrong: copy it again, or give it in lower case',
                    param,
                    ctx,
                )
        return text.lower()


class Target(ParamType):
    """A file to write, "-" for stdout where `stdout` allows it; its directory must exist.

    `suffixes`: which endings it may have (none given: any).
    """

    def __init__(self, *suffixes: str, stdout: bool = False) -> None:
        self.name = "FILE|-" if stdout else "|".join(f"FILE{s}" for s in suffixes) or "FILE"
        self._suffixes = suffixes
        self._stdout = stdout

    def convert(self, value: Any, param: Parameter, ctx: Context) -> Path:
        path = Path(value)
        if self._stdout and str(value) == "-":
            return path
        if self._suffixes and path.suffix.lower() not in self._suffixes:
            self.fail(f'"{path}" must end in {" or ".join(self._suffixes)}', param, ctx)
        if path.is_dir():
            self.fail(f'"{path}" is a directory', param, ctx)
        if not path.parent.is_dir():
            self.fail(f'the directory "{path.parent}" does not exist', param, ctx)
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            self.fail(f'"{path}" may not be written', param, ctx)
        return path


def shocks(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Each shock once. Two of one name would be one driver in the result, its positions twice."""
    named: dict[str, str] = {}
    for shock in value:
        kind, _, name = shock.partition(":")
        name = shock if kind == "shock" else name or shock
        if named.setdefault(name, shock) != shock:
            text = f"{named[name]} and {shock} have one name: scan them one after the other"
            raise click.BadParameter(text, ctx, param)
    return tuple(named.values())


def chain(ctx: click.Context, param: click.Parameter, value: str | None) -> str | int | None:
    """A chain's name, or its id as a number."""
    if value is None:
        return None
    if not value.strip():
        raise click.BadParameter("give a chain's name or id", ctx, param)
    return int(value) if _digits(value) else value


def endpoints(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    """The URLs given, else those of BANDSCAN_RPC. A refusal counts them and never shows one."""
    urls = value or tuple(urls_in(os.environ.get("BANDSCAN_RPC", "")))
    for number, url in enumerate(urls, 1):
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
            _ = parts.port  # raises where it is no number
        except ValueError:
            usable = False
        if not usable:
            which = f"endpoint {number} of {len(urls)}"
            raise click.BadParameter(f"{which} is not an http:// or https:// URL", ctx, param)
    return urls


def different(**files: Path | None) -> None:
    """Refuse two options that name one file; stdout is none."""
    seen: dict[str, str] = {}
    for option, path in files.items():
        if path is None or str(path) == "-":
            continue
        real = os.path.realpath(path)
        if os.path.exists(real) and not os.path.isfile(real):
            continue  # a device or a pipe takes everything
        if real in seen:
            raise click.UsageError(f"--{seen[real]} and --{option} name the same file: {path}")
        seen[real] = option


def ordered(low: float | None, high: float | None) -> None:
    """Refuse a price range that holds nothing."""
    if low is not None and high is not None and low > high:
        raise click.UsageError(f"--from {low:g} is above --to {high:g}")


def _digits(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,19}", text) is not None

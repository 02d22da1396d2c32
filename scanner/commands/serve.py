"""`bandscan serve`: the stored scans over HTTP."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from scanner import arguments, options
from scanner.commands import COMPLETE
from scanner.commands.scan import scan
from scanner.errors import UsageError
from scanner.outputs.streams import complain
from scanner.redaction import redactor

if TYPE_CHECKING:
    from scanner.serving.rescans import Scans

EXAMPLES = """\b
Examples:
  bandscan serve
  bandscan serve --watch 60 --chain ethereum
  BANDSCAN_TOKEN=... bandscan serve --host 192.0.2.7
  bandscan serve --host 0.0.0.0 --public --allow-host bands.example.org

\b
Then:
  curl http://127.0.0.1:8080/v1/bands?driver=ETH
  curl http://127.0.0.1:8080/openapi.json
"""

# Options of `bandscan scan` that the scans of --watch take as well.
_SCANNING = ("chain", "rpc", "protocol", "deployments", "shock", "verify", "patience", "keep")


def _each(check: Callable[[str], str]) -> Callable[..., tuple[str, ...]]:
    """A callback that holds every value of an option against `check`."""

    def callback(
        ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
    ) -> tuple[str, ...]:
        try:
            return tuple(dict.fromkeys(map(check, value)))
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from None

    return callback


def _host_name(text: str) -> str:
    from scanner.serving.binding import host_name

    return host_name(text)


def _origin(text: str) -> str:
    from scanner.serving.binding import origin

    return origin(text)


@click.command(short_help="Serve the stored scans over HTTP.", epilog=EXAMPLES)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address of this machine to use."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8080,
    show_default=True,
    help="The port; 0 takes any free one.",
)
@options.store
@click.option(
    "--token",
    metavar="TOKEN",
    envvar="BANDSCAN_TOKEN",
    show_envvar=True,
    help="Answer only to requests that send it. Better in the environment: a process list shows"
    " options.",
)
@click.option("--public", is_flag=True, help="Answer to everybody, within limits.")
@click.option(
    "--allow-host",
    metavar="NAME",
    multiple=True,
    callback=_each(_host_name),
    help="Another name that clients call the server by; may be repeated.",
)
@click.option(
    "--cors",
    metavar="ORIGIN",
    multiple=True,
    callback=_each(_origin),
    help="A web page whose scripts may read the answers; may be repeated.",
)
@click.option(
    "--stale",
    type=arguments.Positive("SECONDS"),
    default=6 * 3600.0,
    show_default="6 hours",
    help="The age of a scan from which on /healthz says 503.",
)
@click.option(
    "--watch",
    type=arguments.Positive("SECONDS"),
    help="Scan again so many seconds after the last scan began, in a process of its own.",
)
@click.pass_context
def serve(
    ctx: click.Context,
    /,
    host: str,
    port: int,
    store: Path,
    token: str | None,
    public: bool,
    allow_host: tuple[str, ...],
    cors: tuple[str, ...],
    stale: float,
    watch: float | None,
    **scanning: Any,
) -> int:
    """Serve the newest stored scan of every chain over HTTP, to this machine alone.

    Any other address needs --token or --public. The options from --chain on are those of
    `bandscan scan`, for the scans of --watch.
    """
    from scanner.serving import binding

    given = [name for name in scanning if _said(ctx, name)]
    if watch is None and given:
        raise click.UsageError(f"--{given[0]} is for the scans of --watch.")
    address = binding.address(host, port)
    binding.check(address, token, public, allow_host)
    scans = None if watch is None else _scans(watch, store, scanning, given)
    try:
        from scanner.serving import server
    except ImportError:
        raise UsageError(
            "`bandscan serve` needs FastAPI and uvicorn, which are not installed.",
            fix='pip install "bandscan[api]"',
        ) from None
    settings = server.Settings(
        store=store,
        address=address,
        token=token,
        public=public,
        allowed=allow_host,
        origins=("*",) if public else cors,
        stale=stale,
        scans=scans,
        hide=_hider(store, [*scanning["rpc"], *([token] if token else [])]),
    )
    server.serve(settings, lambda line: complain(line, ""))
    return COMPLETE


def _hider(store: Path, secrets: Sequence[str]) -> Callable[[str], str]:
    """Takes URLs, `secrets` and the place of the store out of a text."""
    hidden = redactor(secrets)
    places = {str(store.absolute()), str(store.resolve()), *([str(store)] * (len(store.parts) > 1))}

    def hide(text: str) -> str:
        text = hidden(text)
        for place in sorted(places - {"/"}, key=len, reverse=True):
            text = text.replace(place, "the store")
        return text

    return hide


def _said(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _scans(every: float, store: Path, scanning: Mapping[str, Any], given: Sequence[str]) -> "Scans":
    """What --watch runs: `bandscan scan` with the options it was given itself."""
    from scanner.deployments import chain_info
    from scanner.serving.rescans import Scans

    if scanning["chain"] is None and not scanning["rpc"]:
        raise click.UsageError("Which chain? Give --chain, as in --chain ethereum, or --rpc URL.")
    if scanning["chain"] is not None:
        chain_info(scanning["chain"])  # refused here and now, and not by every scan
    words = ["--store", str(store)]
    for name in given:
        value = scanning[name]
        if name != "rpc":  # a process list would show it; it goes through the environment
            values = value if isinstance(value, tuple) else (value,)
            words += [word for each in values for word in (f"--{name}", _word(each))]
    return Scans(every, words, scanning["rpc"])


def _word(value: object) -> str:
    """As it was written: None stands for --verify all."""
    return "all" if value is None else str(value)


serve.params += [option for option in scan.params if option.name in _SCANNING]

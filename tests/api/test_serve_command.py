"""`bandscan serve`: where it may listen, and the refusals that come before it does."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from api.process import COMMAND, ROOT, environment, serving
from scanner.commands.serve import _hider
from scanner.errors import UsageError
from scanner.serving import binding
from scanner.serving.binding import Address, address, hosts

TOKEN = "a-token-nobody-guesses"


def run(*words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """The command, which is expected to end by itself."""
    return subprocess.run(
        [sys.executable, *COMMAND, "serve", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(**changes),
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "192.0.2.7"], "can be reached by other machines"),
        (["--host", "0.0.0.0"], "can be reached by other machines"),
        (["--host", "::", "--public"], "by which name will clients call it"),
        (["--host", "0.0.0.0", "--token", TOKEN], "--allow-host bands.example.org"),
        (["--token", "short"], "too easy to guess"),
        (["--token", "a token with blanks in it"], "holds blanks"),
        (["--token", TOKEN, "--public"], "contradict each other"),
        (["--host", "no.such.name.invalid"], 'no address called "no.such.name.invalid"'),
        (["--host", "192.0.2.7", "--public"], "cannot be used"),
        (["--port", "70000"], "70000"),
        (["--allow-host", "http://x"], "give a name as clients write it"),
        (["--allow-host", "x/y"], "give a name as clients write it"),
        (["--cors", "example.org"], "give the scheme and the host of the page, and no path"),
        (["--cors", "*"], "give the scheme and the host of the page, and no path"),
        (["--stale", "0"], "not a number above 0"),
        (["--watch", "-5"], "not a number above 0"),
        (["--watch", "60"], "Which chain?"),
        (["--watch", "60", "--chain", "narnia"], "No chain is called"),
        (["--chain", "ethereum"], "--chain is for the scans of --watch"),
        (["--rpc", "http://127.0.0.1:9/key-of-mine"], "--rpc is for the scans of --watch"),
        (["--shock", "market"], "--shock is for the scans of --watch"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_advice(tmp_path, words, said):
    """Exit code 2, one clear sentence, and no secret in it."""
    ended = run(*words, "--store", str(tmp_path))

    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert TOKEN not in ended.stderr
    assert "key-of-mine" not in ended.stderr


def test_a_port_that_is_taken_is_named(tmp_path):
    """Exit code 2."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = run("--port", str(port), "--store", str(tmp_path))

    assert ended.returncode == 2
    assert f"Port {port} is taken by another program" in ended.stderr


def test_without_the_extra_it_says_what_to_install(tmp_path):
    """A missing FastAPI is no traceback."""
    for name in ("fastapi", "uvicorn"):
        (tmp_path / f"{name}.py").write_text("raise ImportError")
        path = f"{tmp_path}:{environment()['PYTHONPATH']}"
        ended = run("--store", str(tmp_path), PYTHONPATH=path)
        (tmp_path / f"{name}.py").unlink()

        assert ended.returncode == 2
        assert 'pip install "bandscan[api]"' in ended.stderr


def test_help_imports_nothing_heavy():
    """Neither the web framework nor the tables."""
    code = (
        "import sys; from scanner.commands.serve import serve\n"
        "try: serve.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = ('fastapi', 'pydantic', 'uvicorn', 'pandas', 'pyarrow', 'numpy', 'web3')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )

    assert ended.stdout.splitlines()[-1] == "[]"


def at(host: str, ip: str | None = None) -> Address:
    family = socket.AF_INET6 if ":" in (ip or host) else socket.AF_INET
    return Address(host, ip or host, 8080, family)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1"])
def test_loopback_needs_nothing(host):
    """Only this machine can reach it."""
    binding.check(at(host), None, False, ())


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7", "fe80::1%eth0", "169.254.1.1"])
def test_any_other_address_needs_a_token_or_the_public(host):
    """Private networks too."""
    binding.check(at(host), TOKEN, False, ())
    binding.check(at(host), None, True, ())
    with pytest.raises(UsageError, match="other machines"):
        binding.check(at(host), None, False, ["name.example"])


def test_a_name_is_what_it_resolves_to():
    """localhost may stand for either family; an IPv4 address goes first."""
    assert address("localhost", 8080).loopback
    assert address("0.0.0.0", 0).wildcard


@pytest.mark.parametrize(
    ("where", "port", "allowed", "names"),
    [
        (at("192.0.2.7"), 80, (), {b"192.0.2.7", b"192.0.2.7:80"}),
        (at("192.0.2.7"), 8080, (), {b"192.0.2.7:8080"}),
        (at("2001:db8::7"), 81, (), {b"[2001:db8::7]:81"}),
        (
            at("192.0.2.7"),
            81,
            ("x.example", "y.example:443", "[::7]:443"),
            {b"192.0.2.7:81", b"x.example", b"x.example:81", b"y.example:443", b"[::7]:443"},
        ),
    ],
)
def test_the_names_that_are_answered(where, port, allowed, names):
    """The address with our port, and what was allowed."""
    assert hosts(where, port, allowed) == names


def test_a_wildcard_address_is_called_by_allowed_names_and_from_here(store):
    """Never by whatever name resolves to it."""
    options = ("--host", "0.0.0.0", "--public", "--allow-host", "bands.example.org")
    with serving(store, *options) as server:
        good = server.get("/v1/bands", host="bands.example.org")
        local = server.get("/v1/bands")
        bad = server.get("/v1/bands", host="evil.example")

        assert (good.status, local.status, bad.status) == (200, 200, 421)
        assert good.headers["access-control-allow-origin"] == "*"


def test_a_token_from_the_environment_is_asked_for(store):
    """And shown nowhere."""
    with serving(store, BANDSCAN_TOKEN=TOKEN) as server:
        assert server.get("/v1/bands").status == 401
        answer = server.get("/v1/bands", authorization=f"Bearer {TOKEN}")
        assert answer.status == 200
        assert answer.headers["cache-control"] == "private, no-cache"
        assert server.get("/healthz").status == 200
        assert server.get("/metrics").status == 401

    assert not any(TOKEN in line for line in server.lines)


def test_the_loopback_server_shows_no_path_of_this_machine(store: Path):
    """Neither in what it says nor in what it answers."""
    with serving(store) as server:
        (next((store / "scans" / "1").iterdir()) / "scan.json").write_bytes(b"{")
        bodies = [server.get(path).body for path in ("/v1/status", "/healthz", "/v1/bands")]

    assert not any(str(store).encode() in body for body in bodies)
    assert not any(str(store) in line for line in server.lines)


@pytest.mark.parametrize("place", [".", "store", "/"])
def test_what_is_said_hides_the_store_and_nothing_else(tmp_path, monkeypatch, place):
    """A short name must not be cut out of ordinary words."""
    monkeypatch.chdir(tmp_path)
    hide = _hider(Path(place), ["https://node.example/0123456789"])

    assert hide("The store is 1.5 s old and/or new.") == "The store is 1.5 s old and/or new."
    if place != "/":
        assert hide(f"see {Path(place).resolve()}/scans") == "see the store/scans"

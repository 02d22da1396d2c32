"""Where the server listens, who may reach it there, and by which names it answers."""

import errno
import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from scanner.errors import UsageError

SHORTEST_TOKEN = 16  # characters

_NAME = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9_.-]{0,251}[a-z0-9])?)(:[0-9]{1,5})?")
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")
_WHY = {
    errno.EADDRINUSE: ("is taken by another program", "name another one with --port"),
    errno.EACCES: ("is not for this user", "name one above 1023 with --port"),
}


@dataclass(frozen=True)
class Address:
    """An address of this machine. `ip` is what `host` stands for; port 0 is any free one."""

    host: str
    ip: str
    port: int
    family: socket.AddressFamily

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.ip.partition("%")[0]).is_loopback

    @property
    def wildcard(self) -> bool:
        """Whether it stands for every address of this machine."""
        return ipaddress.ip_address(self.ip.partition("%")[0]).is_unspecified

    @property
    def shown(self) -> str:
        """As it stands in a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host


def address(host: str, port: int) -> Address:
    """The address that `host` stands for; an IPv4 one where it has both.

    Raises
    ------
    UsageError
        No such name.
    """
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE if host else 0
        )
    except (OSError, UnicodeError):
        raise UsageError(
            f'There is no address called "{host[:100]}".', fix="give --host 127.0.0.1"
        ) from None
    family, _, _, _, place = min(found, key=lambda row: row[0] != socket.AF_INET)
    return Address(host, str(place[0]), port, family)


def check(address: Address, token: str | None, public: bool, allowed: Iterable[str]) -> None:
    """Raises UsageError where the server would be open to people it was not opened for."""
    if token is not None and public:
        raise UsageError(
            "--token and --public contradict each other.",
            fix="with --token only those who have it may ask, with --public anybody may",
        )
    if token is not None and not (len(token) >= SHORTEST_TOKEN and token.isascii()):
        raise UsageError(
            f"The token is too easy to guess: it needs {SHORTEST_TOKEN} plain characters or more.",
            fix='make one with python -c "import secrets; print(secrets.token_urlsafe())"',
        )
    if token is not None and not re.fullmatch(r"[!-~]+", token):
        raise UsageError("The token holds blanks.", fix="leave them out")
    if not address.loopback and token is None and not public:
        raise UsageError(
            f"{address.host} can be reached by other machines.",
            fix="set BANDSCAN_TOKEN, so that only those who have the token may ask,"
            " or open the server to everybody with --public",
        )
    if address.wildcard and not tuple(allowed):
        raise UsageError(
            f"{address.host} is every address of this machine: by which name will clients call it?",
            fix="name it with --allow-host, as in --allow-host bands.example.org",
        )


def bound(address: Address) -> socket.socket:
    """A socket that listens there.

    Raises
    ------
    UsageError
        The port is taken, or the address is not this machine's.
    """
    # asyncio turns Nagle's delay off only for sockets that say they are TCP
    listener = socket.socket(address.family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.ip, address.port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        if error.errno in _WHY:
            what, fix = _WHY[error.errno]
            raise UsageError(f"Port {address.port} {what}.", fix=fix) from None
        raise UsageError(
            f"The address {address.host} cannot be used: {error.strerror}.",
            fix="give --host an address of this machine",
        ) from None
    return listener


def hosts(address: Address, port: int, allowed: Iterable[str]) -> frozenset[bytes]:
    """Every Host header that the server answers.

    >>> here = Address("127.0.0.1", "127.0.0.1", 8080, socket.AF_INET)
    >>> sorted(hosts(here, 8080, ["Bands.example.org"]))
    [b'127.0.0.1:8080', b'[::1]:8080', b'bands.example.org', b'bands.example.org:8080',
     b'localhost:8080']
    """
    names = {address.shown.lower()}
    if address.loopback or address.wildcard:
        names |= {"127.0.0.1", "localhost", "[::1]"}
    found = {f"{name}:{port}" for name in names} | (names if port == 80 else set())
    for name in (each.lower() for each in allowed):
        found |= {name} if name.rpartition("]")[2].count(":") else {name, f"{name}:{port}"}
    return frozenset(name.encode() for name in found)


def host_name(text: str) -> str:
    """A name for --allow-host, a port behind it or not; raises ValueError for anything else.

    >>> host_name("Bands.example.org"), host_name("[2001:db8::1]:443")
    ('bands.example.org', '[2001:db8::1]:443')
    """
    if not _NAME.fullmatch(text.lower()):
        raise ValueError("give a name as clients write it, as in bands.example.org")
    return text.lower()


def origin(text: str) -> str:
    """An origin for --cors, as a browser sends it; raises ValueError for anything else.

    >>> origin("https://example.org"), origin("http://localhost:3000/")
    ('https://example.org', 'http://localhost:3000')
    """
    clean = text.lower().removesuffix("/")
    if not _ORIGIN.fullmatch(clean):
        # no example: what looks like a URL is hidden in every error
        raise ValueError("give the scheme and the host of the page, and no path")
    return clean

"""How much one client may ask for: a token bucket per address, in bounded memory."""

import ipaddress
import math
from collections import OrderedDict

_MOST = 10_000  # addresses remembered


class Buckets:
    """A token bucket per client.

    Parameters
    ----------
    rate : float
        Requests per second that a client may go on with.
    burst : float
        Requests that it may make at once.

    >>> buckets = Buckets(rate=2, burst=3)
    >>> [buckets.wait("192.0.2.1", now=0.0) for _ in range(4)]
    [0, 0, 0, 1]
    >>> buckets.wait("192.0.2.1", now=0.5), buckets.wait("192.0.2.2", now=0.5)
    (0, 0)
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, at what time

    def wait(self, address: str, now: float) -> int:
        """0 where the request may pass; else after how many whole seconds to come back.

        A client that was forgotten starts with a full bucket: that is what it would have by then,
        unless more than 10,000 others came in between.
        """
        client = network(address)
        tokens, before = self._held.pop(client, (self._burst, now))
        tokens = min(self._burst, tokens + (now - before) * self._rate)
        passed = tokens >= 1
        self._held[client] = (tokens - passed, now)
        if len(self._held) > _MOST:
            self._held.popitem(last=False)
        return 0 if passed else max(1, math.ceil((1 - tokens) / self._rate))


def network(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 that one IPv6 customer gets.

    >>> network("192.0.2.1"), network("2001:db8:1:2:3::4"), network("::ffff:192.0.2.1")
    ('192.0.2.1', '2001:db8:1:2::', '192.0.2.1')
    """
    if ":" not in address:
        return address
    try:
        full = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if full.ipv4_mapped is not None:
        return str(full.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(full) >> 64 << 64))

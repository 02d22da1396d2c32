"""Token buckets, in bounded memory."""

from scanner.outputs.api.limits import Buckets, network


def test_a_bucket_fills_again_but_never_over():
    """A client that was quiet for an hour has a burst, not an hour's worth."""
    buckets = Buckets(rate=2, burst=3)
    assert [buckets.wait("192.0.2.1", 0.0) for _ in range(4)] == [0, 0, 0, 1]

    assert [buckets.wait("192.0.2.1", 3_600.0) for _ in range(4)] == [0, 0, 0, 1]


def test_whoever_is_refused_does_not_pay_for_it():
    """Asking in vain does not push the next answer away."""
    buckets = Buckets(rate=1, burst=1)
    buckets.wait("192.0.2.1", 0.0)
    for tenth in range(1, 10):
        assert buckets.wait("192.0.2.1", tenth / 10) == 1

    assert buckets.wait("192.0.2.1", 1.0) == 0


def test_addresses_of_one_customer_share_a_bucket():
    """A /64 has more addresses than anybody could limit one by one."""
    buckets = Buckets(rate=1, burst=1)
    buckets.wait("2001:db8::1", 0.0)

    assert buckets.wait("2001:db8::2", 0.0) == 1
    assert buckets.wait("2001:db8:0:1::1", 0.0) == 0


def test_strange_addresses_are_their_own():
    """Scopes, mapped addresses, and what is none."""
    assert network("fe80::1%eth0") == "fe80::"
    assert network("::ffff:192.0.2.9") == "192.0.2.9"
    assert network("a:b") == "a:b"


def test_memory_is_bounded():
    """However many addresses come by."""
    buckets = Buckets(rate=1, burst=1)
    for number in range(20_000):
        buckets.wait(f"10.0.{number >> 8}.{number & 255}", 0.0)

    assert len(buckets._held) == 10_000

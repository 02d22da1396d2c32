"""Retries, failover and patience against a node that misbehaves over real HTTP."""

import random
import traceback

import pytest
from faulty_node import CHAIN, KEY, FaultyNode, Reply, Time, always, for_method, hash_of, reach

from scanner.errors import BandscanError, EndpointError, ReadError, UsageError

RATE = {"code": 429, "message": "Your app has exceeded its compute units per second capacity."}


def test_retry_after_is_waited_for() -> None:
    """A 429 with Retry-After: 2 costs two seconds and nothing else."""
    time = Time()
    with FaultyNode() as chain, reach(chain.url, time=time) as node:
        busy = Reply(status=429, body=b"slow down", headers={"Retry-After": "2"})
        chain.rules = [for_method("eth_blockNumber", busy)]
        assert node.head() == 1000
        assert time.slept == [2.0]
        assert node.stats.retries == 1


def test_a_rate_limit_inside_http_200_is_waited_out() -> None:
    """Alchemy answers 429 inside of HTTP 200; three of them in a row heal by waiting."""
    with FaultyNode() as chain, reach(chain.url) as node:
        chain.rules = [for_method("eth_blockNumber", *[Reply(error=RATE)] * 3)]
        assert node.head() == 1000


def test_waits_grow_and_are_random() -> None:
    """Full jitter: the n-th wait is drawn from 0 .. 0.5 * 2**n seconds."""
    time = Time()
    dice = random.Random(7)
    with FaultyNode() as chain, reach(chain.url, time=time, dice=dice) as node:
        chain.rules = [for_method("eth_blockNumber", *[Reply(status=502, body=b"")] * 5)]
        node.head()
    bounds = [0.5, 1, 2, 4, 8]
    again = random.Random(7)
    assert time.slept == pytest.approx([again.uniform(0, bound) for bound in bounds])


@pytest.mark.parametrize(
    "broken",
    [
        Reply(body=b'{"jsonrpc":"2.0","id":1,"resu'),
        Reply("0x3e8", cut=20),
        Reply(reset=True),
        Reply(body=b""),
        Reply(body=b"<!DOCTYPE html><html>are you human?</html>"),
        Reply(body=b"error code: 1015", status=403),
        Reply(body=b'{"jsonrpc":"2.0","id":"1","result":"0x1"}'),
        Reply(body=b'{"jsonrpc":"2.0","id":999999,"result":"0x1"}'),
        Reply("0x1", extra={"_streamStatus": "truncated"}),
        Reply("0x1", extra={"jsonrpc": "1.0"}),
        Reply(body=b'{"jsonrpc":"2.0","id":2}'),
        Reply(body=b"[" * 100_000),
        Reply(error={"code": -32011, "message": "no backend is currently healthy"}, status=503),
        Reply(None),
        Reply(17),
        Reply("0x007"),
        Reply("0x_7"),
    ],
)
def test_broken_answers_are_asked_again(broken: Reply) -> None:
    """Cut, malformed, foreign or ill-typed answers are never used; the next good one is."""
    with FaultyNode() as chain, reach(chain.url) as node:
        chain.rules = [for_method("eth_blockNumber", broken, broken)]
        assert node.head() == 1000
        assert chain.count("eth_blockNumber") == 3


def test_a_result_and_an_error_at_once_are_refused() -> None:
    """Exactly one of result and error makes an answer."""
    with FaultyNode() as chain, reach(chain.url) as node:
        both = Reply("0x1", extra={"error": {"code": 1, "message": "odd"}})
        chain.rules = [for_method("eth_blockNumber", both)]
        assert node.head() == 1000


def test_a_flood_is_cut_off() -> None:
    """An endless small-looking (compressed) answer stops at the limit, not in memory."""
    with FaultyNode() as chain, reach(chain.url) as node:
        chain.rules = [for_method("eth_getBalance", Reply("0x" + "0" * (9 << 20)))]
        with pytest.raises(ReadError, match="longer than"):
            node.call("eth_getBalance", [])


@pytest.mark.parametrize(
    "refusal",
    [
        Reply(error={"code": -32001, "message": "You've reached the usage limit for your plan"}),
        Reply(status=402, body=b""),
        Reply(status=401, body=b"unauthorized"),
        Reply(status=302, body=b"", headers={"Location": "http://127.0.0.1:9/elsewhere"}),
        Reply(error={"code": -32601, "message": "method not found"}),
    ],
)
def test_refusals_for_good_move_on(refusal: Reply) -> None:
    """Quota, keys, redirects and missing methods: the next endpoint answers, nobody waits."""
    time = Time()
    with (
        FaultyNode() as first,
        FaultyNode(head=1001) as second,
        reach(first.url, second.url, time=time) as node,
    ):
        first.rules = [always("eth_blockNumber", refusal)]
        assert node.head() == 1001
        assert node.head() == 1001
        assert first.count("eth_blockNumber") == 1
        assert time.slept == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    """Wherever it points, nobody there ever hears from us: the request may carry a key."""
    with FaultyNode() as first, FaultyNode() as elsewhere, reach(first.url) as node:
        moved = Reply(status=status, body=b"", headers={"Location": elsewhere.url})
        first.rules = [always("eth_blockNumber", moved)]
        with pytest.raises(EndpointError, match="redirects elsewhere"):
            node.head()
        assert elsewhere.asked == []


def test_the_next_endpoint_must_serve_the_same_chain() -> None:
    """Failover to another chain would mix them: the endpoint is skipped and named."""
    with (
        FaultyNode() as first,
        FaultyNode(chain_id=137) as second,
        FaultyNode(head=7) as third,
        reach(first.url, second.url, third.url) as node,
    ):
        first.rules = [always("eth_blockNumber", Reply(status=401, body=b""))]
        assert node.head() == 7
        assert "endpoint 2 of 3 serves chain 137, not 31337" in node.notes
        assert second.count("eth_blockNumber") == 0


def test_only_the_wrong_chain_is_a_clear_end() -> None:
    """Exit code 4, and which chain was found instead."""
    with FaultyNode(chain_id=137) as chain, pytest.raises(EndpointError) as failure:
        reach(chain.url, chain_id=1)
    assert failure.value.exit_code == 4
    assert "serves chain 137, not 1" in str(failure.value)


def test_without_an_expected_chain_the_first_endpoint_decides() -> None:
    """`None` takes the chain of the first usable endpoint."""
    with FaultyNode(chain_id=10) as chain, reach(chain.url, chain_id=None) as node:
        assert node.chain_id == 10


def test_unreachable_endpoints_end_before_anything_is_read() -> None:
    """Nobody listens: exit code 4 after a short patience, each endpoint with its reason."""
    with pytest.raises(EndpointError, match="cannot connect") as failure:
        reach("http://127.0.0.1:9/", "http://127.0.0.1:9/two")
    assert "endpoint 2 of 2" in str(failure.value)


def test_patience_ends() -> None:
    """Without progress reading stops with exit code 3 and says what to do."""
    time = Time()
    with FaultyNode() as chain, reach(chain.url, time=time, patience=600) as node:
        node.pin()
        chain.rules = [always("eth_blockNumber", Reply(status=503, body=b"busy"))]
        began = time.now
        with pytest.raises(ReadError, match="no progress for 600 s") as failure:
            node.head()
        assert 500 < time.now - began <= 600
        assert failure.value.exit_code == 3
        assert "run the same command again" in str(failure.value)


def test_a_quota_on_every_endpoint_is_not_waited_for() -> None:
    """An hour of waiting is more than anybody's patience: said at once."""
    time = Time()
    with FaultyNode() as chain, reach(chain.url, time=time) as node:
        node.pin()
        spent = Reply(error={"code": -32000, "message": "Monthly capacity limit exceeded."})
        chain.rules = [always("eth_blockNumber", spent)]
        with pytest.raises(ReadError, match="Monthly capacity limit exceeded"):
            node.head()
        assert time.slept == []


def test_an_endpoint_that_comes_back_is_used_again() -> None:
    """Busy for five requests: the other one answers meanwhile, later the first again."""
    time = Time()
    with (
        FaultyNode(head=1) as first,
        FaultyNode(head=2) as second,
        reach(first.url, second.url, time=time) as node,
    ):
        first.rules = [for_method("eth_blockNumber", Reply(status=503, body=b"busy"))]
        assert node.head() == 2
        time.now += 60
        assert node.head() == 1


def test_wrong_answers_do_not_use_up_the_patience() -> None:
    """An endpoint that answers nonsense every time is given up after six times."""
    with FaultyNode() as chain, reach(chain.url) as node:
        chain.rules = [always("eth_blockNumber", Reply("soon"))]
        with pytest.raises(BandscanError, match="does not answer eth_blockNumber properly"):
            node.head()
        assert chain.count("eth_blockNumber") == 6


def test_a_block_in_the_future() -> None:
    """Exit code 2; the head is named."""
    said = r"block 1001 is in the future \(head is 1000\)"
    with FaultyNode(head=1000) as chain, reach(chain.url) as node:  # noqa: SIM117
        with pytest.raises(UsageError, match=said):
            node.pin(1001)


def test_latest_stays_behind_the_head() -> None:
    """`latest` is the head minus the lag, and never below 0."""
    with FaultyNode(head=1000) as chain, reach(chain.url) as node:
        assert node.pin("latest", lag=5).block.number == 995
        assert node.pin("latest", lag=5).block.hash == hash_of(995)
        assert node.pin("latest", lag=5000).block.number == 0
        assert node.pin("finalized").block.number == 936
        assert node.pin(17).block.parent_hash == hash_of(16)


@pytest.mark.parametrize("answer", [Reply(None), Reply(error={"code": -32602, "message": "bad"})])
def test_an_unknown_tag_is_a_usage_error(answer: Reply) -> None:
    """A node without `safe` is no reason to crash; neither is a word that is no tag."""
    with FaultyNode() as chain, reach(chain.url) as node:
        chain.rules = [always("eth_getBlockByNumber", answer)]
        with pytest.raises(UsageError, match="knows no safe block"):
            node.pin("safe")
        with pytest.raises(UsageError, match="no such block: tomorrow"):
            node.pin("tomorrow")


def test_a_header_that_is_not_there_yet_is_waited_for() -> None:
    """Behind a balancer the header may be missing for a moment."""
    with FaultyNode() as chain, reach(chain.url) as node:
        late = Reply(error={"code": -32000, "message": "header not found"})
        chain.rules = [for_method("eth_getBlockByNumber", late, Reply(None), late)]
        assert node.pin(990).block.number == 990


def test_another_blocks_header_is_not_taken() -> None:
    """A header of a neighbouring block is asked again."""
    with FaultyNode() as chain, reach(chain.url) as node:
        wrong = chain.answer("eth_getBlockByNumber", [hex(989), False])
        chain.rules = [for_method("eth_getBlockByNumber", wrong)]
        assert node.pin(990).block.hash == hash_of(990)


def test_a_replaced_block_is_noticed() -> None:
    """The pinned number with another hash is no longer the chain that was read."""
    with FaultyNode() as chain, reach(chain.url) as node:
        pinned = node.pin(990)
        assert pinned.still_canonical()
        sibling = chain.answer("eth_getBlockByNumber", [hex(990), False])
        sibling.result["hash"] = "0x" + "99" * 32
        chain.rules = [always("eth_getBlockByNumber", sibling)]
        assert not pinned.still_canonical()


SECRETS = [
    Reply(status=401, body=b"invalid key k3y0123456789abcdef for http://127.0.0.1/v2/"),
    Reply(error={"code": -32000, "message": f"path /v2/{KEY.upper()} is not known"}),
    Reply(error={"code": 3, "message": f"execution reverted: /v2/{KEY}", "data": KEY}),
    Reply(body=b"k3y0123456789abcdef", status=500),
    Reply(KEY),
    Reply(reset=True),
    Reply(status=302, body=b"", headers={"Location": f"http://127.0.0.1/{KEY}"}),
]


@pytest.mark.parametrize("leak", SECRETS)
def test_no_error_tells_the_url(leak: Reply) -> None:
    """Neither the text nor the traceback, nor a cause of a cause, carries key, host or path."""
    with FaultyNode() as chain, reach(chain.url, patience=5) as node:
        chain.rules = [always("eth_blockNumber", leak)]
        with pytest.raises(BandscanError) as failure:
            node.head()
        told = [str(failure.value), repr(failure.value), repr(node), repr(node.client.endpoints)]
        told += traceback.format_exception(failure.value)
        cause: BaseException | None = failure.value
        while cause is not None:
            told += [str(cause), repr(cause)]
            cause = cause.__context__ or cause.__cause__
        for text in told:
            assert KEY not in text.lower()
            assert chain.url not in text
            assert "127.0.0.1" not in text


def test_a_refused_connection_tells_no_host() -> None:
    """The library's own message would name host and port."""
    host = "".join(["local", "host"])  # the traceback quotes this file
    url = f"http://user:{KEY}@{host}:9/v1/{KEY}?token={KEY}"
    with pytest.raises(EndpointError) as failure:
        reach(url)
    shown = "".join(traceback.format_exception(failure.value))
    assert KEY not in shown
    assert host not in shown


@pytest.mark.parametrize("url", ["ftp://node/", "node:8545", "", "http://", "http://[::1"])
def test_a_url_that_is_none(url: str) -> None:
    """Exit code 2, and the text does not repeat it."""
    with pytest.raises(UsageError, match="endpoint 1 of 1 is no http") as failure:
        reach(url)
    assert failure.value.exit_code == 2


def test_requests_are_counted_and_recorded() -> None:
    """Stats per method; the recorded bodies are what went over the wire."""
    seen: list[bytes] = []
    with FaultyNode() as chain:
        with reach(chain.url, record=lambda body, seconds: seen.append(body)) as node:
            node.head()
            node.head()
            assert node.stats.methods["eth_blockNumber"].requests == 2
            assert node.stats.requests == 3
            assert node.stats.sent == sum(map(len, chain.bodies))
        assert seen == chain.bodies
    assert CHAIN == 31337


def test_an_endpoint_that_tells_nothing_but_its_chain_ends() -> None:
    """The chain id, asked again after each break, is no progress: the patience ends."""
    with FaultyNode() as chain, reach(chain.url, patience=60) as node:
        node.client.reading = True
        chain.rules = [always("eth_blockNumber", Reply(reset=True))]
        with pytest.raises(ReadError, match="no progress for 60 s"):
            node.head()
        assert chain.count("eth_blockNumber") < 100


@pytest.mark.parametrize("member", ["result", "id", "jsonrpc", "error"])
def test_a_member_that_is_there_twice_is_refused(member: str) -> None:
    """JSON decoders take the last one and say nothing."""
    whole = {"jsonrpc": '"2.0"', "id": "2", "result": '"0x3e8"'}
    twice = {**whole, "error": "null"} if member == "error" else whole
    text = ",".join(f'"{k}":{v}' for k, v in twice.items())
    body = f'{{"{member}":{twice[member]},{text}}}'.encode()
    with FaultyNode() as chain, reach(chain.url) as node:
        chain.rules = [for_method("eth_blockNumber", Reply(body=body))]
        assert node.head() == 1000
        assert chain.count("eth_blockNumber") == 2

"""/metrics: Prometheus' text format, with labels that nobody outside can make grow."""

import re

from api.asking import Api, scan, state
from scanner.outputs.api.source import State

LINE = re.compile(
    r'[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\.)*"(,[a-z]+="(?:[^"\\\n]|\\.)*")*\})? [0-9.e+-]+'
)


def text(api: Api) -> str:
    response = api.ask("/metrics")
    assert response.status == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return response.body.decode()


def test_every_line_is_a_comment_or_a_sample():
    """And every sample belongs to a family that was introduced."""
    api = Api(state(scan(figures=(('E"T\\H', "long", 5.0),))))
    api.ask("/v1/bands")
    families = set()
    for line in text(api).splitlines():
        if line.startswith("# TYPE "):
            families.add(line.split()[2])
        elif not line.startswith("# HELP "):
            assert LINE.fullmatch(line), line
            name = re.split(r"[{ ]", line)[0]
            assert name in families or re.sub("_(bucket|sum|count)$", "", name) in families


def test_requests_are_counted_by_path_and_status():
    """Unknown paths and addresses are one label each."""
    api = Api(state(scan()))
    for _ in range(3):
        api.ask("/v1/bands")
    for number in range(5):
        api.ask(f"/v1/{number}")
        api.ask(f"/v1/accounts/0x{number:040x}")
    shown = text(api)

    assert 'http_requests_total{path="/v1/bands",status="200"} 3' in shown
    assert 'http_requests_total{path="other",status="404"} 5' in shown
    assert 'http_requests_total{path="/v1/accounts/{address}",status="200"} 5' in shown
    assert "bandscan_http_ready_total 3" in shown
    assert "bandscan_http_request_seconds_count 13" in shown


def test_the_scan_is_measured_as_well():
    """Block, age, completeness, what is at risk."""
    shown = text(Api(state(scan())))

    assert 'bandscan_scan_block{chain="1"} 7' in shown
    assert 'bandscan_scan_complete{chain="1"} 1' in shown
    assert 'bandscan_collateral_at_risk_usd{chain="1",driver="ETH",side="long"} 5.0' in shown
    assert "bandscan_store_readable 1" in shown


def test_trouble_shows():
    """A store that cannot be read is no store without scans."""
    assert "bandscan_store_readable 0" in text(Api(State(trouble="gone")))


def test_buckets_add_up():
    """Each holds what is below its end, the last one everything."""
    api = Api(State())
    for seconds in (0.0001, 0.003, 9.0):
        api.metrics.count("/v1/bands", 200, seconds)
    shown = text(api)

    assert 'request_seconds_bucket{le="0.0005"} 1' in shown
    assert 'request_seconds_bucket{le="0.005"} 2' in shown
    assert 'request_seconds_bucket{le="+Inf"} 3' in shown

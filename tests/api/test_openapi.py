"""The OpenAPI document: the server keeps to it, whatever is thrown at it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from api import happened, stores
from api.asking import Api, of_store
from api.process import Server, environment, serving
from scanner.outputs.api import filters, happenings, models, pasts, proofs, schema

# 400 is a range without prices in it, which no schema can say; 410 a cursor of another scan; 414 a
# question that is longer than any that can be meant.
CONFIG = """\
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "404", "410", "414"]
[checks.negative_data_rejection]
expected-statuses = ["400", "404", "405", "414"]
"""

ANSWERS: dict[str, type[BaseModel]] = {
    "/v1/drivers": models.Drivers,
    "/v1/bands": models.Bands,
    "/v1/ticks": models.Ticks,
    "/v1/levels?driver=ETH&at=1781": models.Levels,
    "/v1/positions?driver=ETH": models.Positions,
    f"/v1/accounts/{stores.ADDRESS}": models.Account,
    "/v1/history?driver=ETH": pasts.History,
    "/v1/history": pasts.History,
    "/v1/liquidations?since=24h": happenings.Liquidations,
    "/v1/backtest?driver=ETH": happenings.Backtest,
    "/v1/certificate": proofs.Certificate,
    "/v1/tokens": proofs.Tokens,
    "/v1/proof": proofs.Proof,
    "/v1/scans": pasts.Scans,
    "/v1/scan": proofs.Document,
    "/v1/status": proofs.Status,
    "/healthz": proofs.Health,
    "/v1/bands?nothing=1": proofs.Problem,
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a little history."""
    store = tmp_path_factory.mktemp("openapi") / "store"
    for number in range(3):
        stores.add(store, block=stores.whales_sample.BLOCK + number, worth=1.0 + number)
    happened.add(store)
    return store


@pytest.fixture(scope="module")
def running(directory: Path) -> Iterator[Server]:
    """A server of that store, in which nothing went wrong until the end."""
    with serving(directory) as server:
        yield server
        assert not any("defect" in line for line in server.lines), server.lines


@pytest.fixture(scope="module")
def api(directory: Path) -> Api:
    return of_store(directory)


def test_schemathesis_finds_nothing(running, tmp_path):
    """No 5xx; status, content type and body as declared; what the schema forbids is refused.

    The stream is left out: it never ends, and has tests of its own.
    """
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    command = [Path(sys.executable).with_name("schemathesis"), "--config-file=schemathesis.toml"]
    options = ["--checks=all", "--exclude-path=/v1/stream", "--phases=examples,coverage,fuzzing",
               "--max-examples=60", "--seed=1", "--no-color"]  # fmt: skip
    done = subprocess.run(
        [*command, "run", f"http://127.0.0.1:{running.port}/openapi.json", *options],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-8_000:]
    assert "17 selected / 18 total" in done.stdout


@pytest.mark.parametrize("target", ANSWERS)
def test_answers_have_the_shape_that_is_described(api, target):
    """Every key that is described is there, and none is missing from the description."""
    body = api.ask(target).json
    read = ANSWERS[target].model_validate(body)

    assert not (read.model_extra or {}) or target == "/v1/scan"
    assert set(body) >= {
        field.alias or name
        for name, field in ANSWERS[target].model_fields.items()
        if field.is_required()
    }


@pytest.mark.parametrize("model", ANSWERS.values(), ids=lambda model: model.__name__)
def test_examples_are_valid(model):
    """They are put together from the fields' own."""
    made = schema.example(model)

    model.model_validate(made)
    assert "schema" in made


def test_the_document_names_every_endpoint_and_every_problem(api):
    """OpenAPI 3.1, an example for every answer, problems as problems, no null in a query."""
    document = api.ask("/openapi.json").json
    paths = document["paths"]

    assert document["openapi"].startswith("3.1")
    assert set(paths) == {
        *("/v1/" + name for name in ("drivers", "bands", "ticks", "levels", "positions")),
        *("/v1/" + name for name in ("history", "certificate", "tokens", "proof", "scans", "scan")),
        *("/v1/" + name for name in ("status",)),
        *("/v1/" + name for name in ("liquidations", "backtest")),
        *("/v1/accounts/{address}", "/v1/stream", "/healthz", "/metrics"),
    }
    for path, item in paths.items():
        answers = item["get"]["responses"]
        assert {"400", "401", "404", "405", "421", "429", "500", "503"} <= set(answers)
        assert "422" not in answers
        media = answers["200"]["content"]
        assert path in ("/metrics", "/v1/stream") or media["application/json"]["example"]
        assert "null" not in str(item["get"].get("parameters"))
    for one in document["components"]["responses"].values():
        assert list(one["content"]) == ["application/problem+json"]


def test_the_bounds_are_in_the_schema(api):
    """So that a client can know them beforehand."""
    parameters = {
        one["name"]: one["schema"]
        for one in api.ask("/openapi.json").json["paths"]["/v1/positions"]["get"]["parameters"]
    }

    assert parameters["limit"]["maximum"] == filters.MOST_ROWS == 1_000
    assert parameters["side"]["enum"] == ["long", "short"]
    assert "anyOf" not in str(parameters)


def test_there_is_no_page_that_would_load_from_elsewhere(api):
    """Swagger's pages come from a content network: they are left out."""
    for path in ("/docs", "/redoc", "/docs/oauth2-redirect"):
        assert api.ask(path).status in (404, 400)

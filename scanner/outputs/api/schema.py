"""The OpenAPI document: FastAPI's, with problems as problems and an example for every answer."""

from typing import Any, get_args, get_origin

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response

from scanner.outputs.api import proofs
from scanner.outputs.api.problems import PROBLEMS

DESCRIPTION = """\
At which prices how much collateral on DeFi lending protocols gets sold by force.

Every answer is from one stored scan and says which: `scan_id`, `block`, `complete`, and the scan's
certificate in short. Amounts are dollars at the scanned block's prices unless they say otherwise;
ratios are fractions; 256-bit integers are strings. The same bytes come from `bandscan ... --json`.
Read-only: GET and HEAD.
"""

# Problems that any endpoint may answer with, and those of some, by status.
_ALWAYS = ("400", "401", "404", "405", "408", "413", "414", "421", "429", "431", "500", "503")
_PAGED = "410"
_OPEN = "/healthz"  # whose 503 is a report and no problem, and which needs no token


class Text(Response):
    """What /metrics is."""

    media_type = "text/plain"


class Events(Response):
    """What /v1/stream is."""

    media_type = "text/event-stream"


def openapi(api: FastAPI, version: str) -> dict[str, Any]:
    """The whole document."""
    document = get_openapi(
        title="bandscan",
        version=version,
        openapi_version="3.1.0",
        description=DESCRIPTION,
        routes=api.routes,
    )
    components = document["components"]
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    components["schemas"]["Problem"] = proofs.Problem.model_json_schema()
    components["responses"] = _problems()
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{}, {"token": []}]
    models = {
        route.path: route.response_model for route in api.routes if isinstance(route, APIRoute)
    }
    for path, item in document["paths"].items():
        _finish(path, item["get"], models[path])
    return dict(document)


def _finish(path: str, operation: dict[str, Any], model: type[BaseModel] | None) -> None:
    """Problems and the example of one endpoint."""
    for one in operation.get("parameters", ()):
        options = one["schema"].pop("anyOf", None)
        if options:  # what is left out is left out: there is no null in a query
            one["schema"] |= options[0]
    answers = operation["responses"]
    answers.pop("422", None)
    if model is not None:
        answers["200"]["content"]["application/json"]["example"] = example(model)
    if path == _OPEN:
        operation["security"] = [{}]
    paged = any(one["name"] == "cursor" for one in operation.get("parameters", ()))
    for status in (*_ALWAYS, *([_PAGED] if paged else [])):
        answers.setdefault(status, {"$ref": f"#/components/responses/{status}"})


def _problems() -> dict[str, Any]:
    """One response for each status, with everything it may mean."""
    titles: dict[str, list[str]] = {}
    for code, (status, title) in PROBLEMS.items():
        titles.setdefault(str(status), []).append(f"{title} (`{code}`)")
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        status: {"description": "; ".join(told), "content": {"application/problem+json": schema}}
        for status, told in titles.items()
    }


def example(model: type[BaseModel]) -> dict[str, Any]:
    """An answer put together from the examples of its fields."""
    return {
        field.alias or name: field.examples[0] if field.examples else _inside(field.annotation)
        for name, field in model.model_fields.items()
    }


def _inside(annotation: Any) -> Any:
    """The example of a model, of a list of them, or of one that may be null."""
    if get_origin(annotation) is list:
        return [_inside(get_args(annotation)[0])]
    if isinstance(annotation, type):
        return example(annotation)
    return _inside(get_args(annotation)[0])

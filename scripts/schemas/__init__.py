"""JSON Schemas of everything that bandscan writes, made from the models of the API.

    PYTHONPATH=scripts .venv/bin/python -m schemas           writes docs/schemas/*.json
    PYTHONPATH=scripts .venv/bin/python -m schemas --check   says which of them are out of date

The models (scanner/outputs/api/models.py, pasts.py, proofs.py; shapes.py here for what the API does
not serve) are the one source: a new key of an answer is a new field of its model, and a new answer
is a line in `SCHEMAS`. The files take no key that is not described; the API's own document does, so
that answers may grow.
"""

from schemas.made import SCHEMAS, made, text, wrong

__all__ = ["SCHEMAS", "made", "text", "wrong"]

"""The HTTP band API: one finished scan, served as bytes that were made once.

front.py        the ASGI application: checks every request, answers ready bytes itself
guard.py        what a request must be: host, method, token, size, rate
limits.py       token buckets
queries.py      the query string, strictly
bodies.py       bytes in two encodings, ETags, headers
sending.py      a response on its way
problems.py     RFC 9457
source.py       what is served: plain data, filled by scanner/serving/
board.py        what is shown at this moment, replaced as a whole
shelf.py        the answers of one chain, each made once
links.py        URLs, next pages, the headers that name the scan
cursors.py      where a page ends
app.py          FastAPI behind the front
endpoints.py    the endpoints that answer from a scan
answering.py    from a request to its answer
choosing.py     which chain, which scan, which driver
replies.py      what endpoints hand back
filters.py      what endpoints take
models.py, pasts.py, proofs.py, schema.py   the OpenAPI document
stream.py       server-sent events
health.py       /healthz and /v1/status
metrics.py      /metrics
connections.py  slow clients, and too many of them

FastAPI and uvicorn are imported by app.py, replies.py, connections.py and what they use, never by
this file.
"""

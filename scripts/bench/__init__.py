"""Measured numbers, as ratios side by side in one run: `python scripts/bench`.

report.py    figures, their budgets, tables, docs/numbers.md
books.py     synthetic positions, as columns
core.py      a million positions: prices, ticks, bands, tables; peak memory
scan.py      a cold and a repeated scan of a local chain, against a bare HTTP client
lens.py      the lens beside aggregate3; the processor's share of a scan
delay.py     a line of some milliseconds
follow.py    a pass of the watch beside a cold scan; memory after many passes
limits.py    a scan through an endpoint that allows five requests a second
mainnet.py   a scan of a made-up market of Ethereum's shape
planted.py   books of prices with planted bands whose true edges are known
bands.py     the band finder on them
people.py    borrowers whose positions change from scan to scan
stored.py    a store with a history of scans of them
site.py      the report of such a store: time, memory, weight of its pages
api.py       the band API on it, beside a bare ASGI app; memory over a million answers
live.py      how fast a new scan is seen, by requests and by streams
servers.py   the servers of these, in processes of their own
bare.py      the yardsticks among them
load.py      the load on them
"""

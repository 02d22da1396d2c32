"""Measured numbers, as ratios side by side in one run: `python scripts/bench`.

report.py    figures, their budgets, tables, docs/numbers.md
books.py     synthetic positions, as columns
core.py      a million positions: prices, ticks, bands, tables; peak memory
scan.py      a cold and a repeated scan of a local chain, against a bare HTTP client
planted.py   books of prices with planted bands whose true edges are known
bands.py     the band finder on them
"""

"""What bandscan answers from stored scans: the one source of the CLI's JSON, the API, the static
files and the Python client.

    lists.py       drivers, bands, ticks, positions, an account, the certificate
    levels.py      what a fall or a rise to a price makes liquidatable
    head.py        what each answer about one scan starts with
    proof.py       what the protocols themselves said about the prices
    holders.py     who is in a range, and which protocols hold what
    chronicle.py   several scans: the list of them, a driver's or the chain's history, two compared
    windows.py     what changed in an hour, a day and a week
    tokens.py      what each token follows, by how much, and who says so
    realised.py    liquidations that happened
    backtest.py    earlier ranges against them

Every answer is a plain dict with JSON's own types (NaN stands for null). Encoded by
`outputs.document.encode` it is the same bytes everywhere.
"""

from scanner.answers.backtest import backtest
from scanner.answers.chronicle import diff, history, leverage, scans, told
from scanner.answers.head import head
from scanner.answers.holders import band_accounts, members, priced, protocols
from scanner.answers.levels import levels
from scanner.answers.lists import (
    account,
    at_risk_total,
    bands,
    certificate,
    drivers,
    numbered,
    positions,
    ticks,
)
from scanner.answers.proof import proof
from scanner.answers.realised import liquidations
from scanner.answers.tokens import tokens

__all__ = [
    "account",
    "at_risk_total",
    "backtest",
    "band_accounts",
    "bands",
    "certificate",
    "diff",
    "drivers",
    "head",
    "history",
    "levels",
    "leverage",
    "liquidations",
    "members",
    "numbered",
    "positions",
    "priced",
    "proof",
    "protocols",
    "scans",
    "ticks",
    "tokens",
    "told",
]

"""The proof a scan carries about itself: completeness, parity, what is unknown. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scanner.core.positions import Holdings, RootLine, Token
from scanner.errors import Problem
from scanner.protocols import Identity, Parity, Survey, UnknownRow

UNKNOWN_DEBT = 0.001  # of the debt found; more unknown debt than this makes a scan incomplete


@dataclass
class Certificate:
    """Rows of the document's certificate, in a stated order, and the verdict."""

    identities: list[dict[str, Any]] = field(default_factory=list)
    parity: list[dict[str, Any]] = field(default_factory=list)
    markets: list[dict[str, Any]] = field(default_factory=list)
    unknown: list[dict[str, Any]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    complete: bool = True


def of(scanned: Sequence[tuple[str, str, Survey, Parity]]) -> Certificate:
    """The certificate of (protocol, market, survey, parity) rows.

    A market is complete if its identities hold, no checked health factor differs and every account
    was read; a scan is complete if all markets are and unknown debt is at most 0.1 % of the debt
    found.
    """
    proof = Certificate()
    for protocol, market, survey, parity in scanned:
        where = {"protocol": protocol, "market": market}
        proof.identities += _identities(survey.identities, where, proof)
        proof.parity += parity_rows(parity, where)
        proof.problems += _parity_problems(parity, protocol, market)
        proof.unknown += [_unknown(row, where) for row in survey.unknown]
        rows = _markets(survey, parity, where)
        proof.markets += rows
        proof.complete &= all(row["complete"] for row in rows)
        proof.complete &= not any(problem.fatal for problem in survey.problems)
        proof.complete &= all(identity.holds for identity in survey.identities)
    _judge_unknown(scanned, proof)
    return proof


def unread(protocol: str, market: str, address: bytes) -> dict[str, Any]:
    """The row of a market of which nothing could be read: null is not zero."""
    return {
        "protocol": protocol,
        "market": market,
        "pool": "0x" + address.hex(),
        "revision": None,
        "version": None,
        "reserves": None,
        "borrowers": None,
        "unknown_accounts": None,
        "complete": False,
        "details": {},
    }


def _markets(survey: Survey, parity: Parity, where: dict[str, str]) -> list[dict[str, Any]]:
    """One row per market: the deployment's own, or each isolated market inside it."""
    holdings, own = survey.holdings, where["market"]
    names, details = holdings.market_names(), getattr(survey, "details", {})
    names = [own if name == holdings.market else name for name in names]
    told = {i.market for i in survey.identities} | {row.market for row in survey.unknown}
    names += sorted({*told, *details} - {"", *names})
    if holdings.markets:
        names = sorted(names)
    counts = dict.fromkeys(names, 0)
    borrowers = np.bincount(holdings.place_of(), minlength=len(holdings.market_names()))
    counts.update(zip(holdings.markets or [own], borrowers.tolist(), strict=True))
    checked = not parity.mismatches and not parity.unread
    rows = []
    for name in names:
        mine = (own, name)
        good = checked and all(i.holds for i in survey.identities if (i.market or own) in mine)
        good &= not any(p.fatal for p in survey.problems if p.market in (None, *mine))
        unknown = [row for row in survey.unknown if (row.market or own) == name]
        rows.append(
            {
                **where,
                "market": name,
                **{k: survey.facts[k] for k in ("pool", "revision", "version", "reserves")},
                "borrowers": counts[name],
                "unknown_accounts": sum(row.accounts for row in unknown),
                "complete": bool(good),
                "details": details.get(name, {}),
            }
        )
    return rows


def _identities(
    identities: Sequence[Identity], where: dict[str, str], proof: Certificate
) -> list[dict[str, Any]]:
    rows = []
    for one in sorted(identities, key=lambda i: (i.market, i.asset, i.kind)):
        market = one.market or where["market"]
        row: dict[str, Any] = {
            **where,
            "market": market,
            "asset": "0x" + one.asset.hex(),
            "symbol": one.symbol,
            "kind": one.kind,
            "identity": "approximate" if one.bound else "exact",
            "debt_found": str(one.found),
            "debt_total": str(one.total),
            "coverage": one.found / one.total if one.total else (1.0 if not one.found else None),
        }
        if one.bound:
            row["bound"] = one.bound
        rows.append(row)
        if not one.holds:
            text = f"{one.found} of {one.total} units of debt were found"
            if one.found > one.total:
                text = f"{one.found} units of debt were found where the protocol has {one.total}"
            proof.problems.append(
                Problem(
                    "debt_missing",
                    f"{one.symbol}: {text}",
                    where["protocol"],
                    market,
                    fatal=True,
                )
            )
    return rows


def parity_rows(parity: Parity, where: dict[str, str]) -> list[dict[str, Any]]:
    """One row, or one of each isolated market."""
    parts = parity.parts or ((where["market"], parity),)
    return [
        {**where, "market": name, **{k: v for k, v in vars(part).items() if k != "parts"}}
        for name, part in sorted(parts)
    ]


def _parity_problems(parity: Parity, protocol: str, market: str) -> list[Problem]:
    """Accounts that differ, and accounts we could price but the protocol gives no view of."""
    found = []
    if parity.mismatches:
        differ = "differs" if parity.mismatches == 1 else "differ"
        many = f"{parity.mismatches} of {parity.checked} accounts {differ}"
        text = f"{many} from the protocol's own view"
        found.append(Problem("parity_mismatch", text, protocol, market, fatal=True))
    if parity.unread:
        text = f"the protocol's own view of {parity.unread} accounts could not be read"
        found.append(Problem("parity_unread", text, protocol, market, fatal=True))
    return found


def _unknown(row: UnknownRow, where: dict[str, str]) -> dict[str, Any]:
    priced = [usd for _, _, usd in row.debts if usd is not None]
    whole = bool(row.debts) and len(priced) == len(row.debts)
    return {
        **where,
        "market": row.market or where["market"],
        "asset": "0x" + row.asset.hex() if any(row.asset) else None,
        "why": row.why,
        "accounts": row.accounts,
        "debt_usd": round(sum(priced), 2) if whole else None,
        "debt_raw": [
            {"asset": "0x" + asset.hex(), "amount": str(amount)} for asset, amount, _ in row.debts
        ],
    }


def _judge_unknown(scanned: Sequence[tuple[str, str, Survey, Parity]], proof: Certificate) -> None:
    """Unknown debt beyond 0.1 % of the debt found, or debt without a price: incomplete."""
    found = sum(float(survey.holdings.legs.owed().sum()) for _, _, survey, _ in scanned)
    unknown = sum(row["debt_usd"] or 0.0 for row in proof.unknown)
    rows = [row for _, _, survey, _ in scanned for row in survey.unknown]
    pairs = zip(rows, proof.unknown, strict=True)
    unpriced = [told for row, told in pairs if told["debt_usd"] is None and not row.optional]
    if unpriced or unknown > UNKNOWN_DEBT * (found + unknown):
        accounts = sum(row["accounts"] for row in proof.unknown)
        names = "; ".join(sorted({row["why"] for row in proof.unknown}))
        text = f"{accounts} accounts with debt are unknown ({names})"
        proof.problems.append(Problem("unknown_debt", text, fatal=True))
        proof.complete = False


def tokens(holdings: Sequence[Holdings]) -> list[dict[str, Any]]:
    """Every token of every market, what it follows and who says so, by address."""
    rows: dict[str, dict[str, Any]] = {}
    for one in holdings:
        for token in one.tokens:
            address = "0x" + token.address.hex()
            row = {
                "address": address,
                "symbol": token.symbol,
                "price_usd": token.price or None,
                "driver": token.driver,
                "sensitivity": _sensitivity(token),
                "driver_source": token.driver_source,
                "roots": [_root(root) for root in token.roots],
            }
            rows.setdefault(address, row)
    return [rows[address] for address in sorted(rows)]


def _root(root: RootLine) -> dict[str, Any]:
    """A feed that was seen to move a token, and how: ratios of price and answer at the bends."""
    line = root.line
    return {
        "feed": "0x" + root.feed.hex(),
        "description": root.description,
        "driver": root.driver,
        "sensitivity": line.sensitivity,
        "sensitivity_up": line.sensitivity_up,
        "bent": line.bent,
        "error": line.error if line.bent else 0.0,
        "curve": None
        if line.curve is None
        else [
            list(knot)
            for knot in zip(line.curve.at.tolist(), line.curve.value.tolist(), strict=True)
        ],
    }


def _sensitivity(token: Token) -> float:
    """As measured; else in proportion to the driver, or not at all where there is none."""
    if token.sensitivity is not None:
        return token.sensitivity
    return 0.0 if token.driver is None else 1.0

"""What can be asked, of a store, a server or a site alike; who answers is in the other modules."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, Protocol

from scanner.client.answer import Answer, Positions

Side = Literal["long", "short"]


class Source(Protocol):
    """Where answers come from."""

    def answer(self, name: str, filters: dict[str, Any]) -> Answer:
        """The answer of one endpoint; filters that are None were not given."""

    def pages(self, filters: dict[str, Any]) -> Iterator[Answer]:
        """The pages of positions."""


class Reader:
    """The newest scan of one chain. Every call looks for what is newest at that moment.

    Prices are dollars, distances fractions of the present price; keys and columns are those of the
    JSON, explained in docs/api.md and docs/glossary.md. All methods raise BandscanError.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def drivers(self) -> Answer:
        """Every driver: spot, borrowers, what is at risk, the nearest ranges below and above."""
        return self._source.answer("drivers", {})

    def bands(
        self,
        driver: str | None = None,
        *,
        side: Side | None = None,
        protocol: str | None = None,
        low: float | None = None,
        high: float | None = None,
        least: float | None = None,
    ) -> Answer:
        """Bands and walls; `least` is a minimum of collateral at risk [USD]."""
        return self._source.answer("bands", _given(locals()))

    def ticks(
        self,
        driver: str | None = None,
        *,
        side: Side | None = None,
        protocol: str | None = None,
        low: float | None = None,
        high: float | None = None,
        least: float | None = None,
    ) -> Answer:
        """Collateral at risk per small step of price."""
        return self._source.answer("ticks", _given(locals()))

    def levels(
        self,
        driver: str,
        *,
        side: Side | None = None,
        protocol: str | None = None,
        low: float | None = None,
        high: float | None = None,
        at: Sequence[float] = (),
    ) -> Answer:
        """What a fall below, or a rise above, each price makes liquidatable; `at`: these prices."""
        given = {**_given(locals()), "at": tuple(map(float, at))}
        return self._source.answer("levels", given)

    def positions(
        self,
        driver: str,
        *,
        side: Side | None = None,
        protocol: str | None = None,
        low: float | None = None,
        high: float | None = None,
        least: float | None = None,
        band: int | None = None,
        sort: str = "distance",
    ) -> Positions:
        """The positions that the driver can liquidate; an iterable of rows with a `frame()`.

        `band`: only the members of that range, counted from 1 in the order of `bands(driver)`.
        """
        given = _given(locals())
        return Positions(lambda: self._source.pages(given))

    def account(
        self, address: str, *, driver: str | None = None, reach: float | None = None
    ) -> Answer:
        """Positions and legs of an account, or of what an owner owns.

        `reach`: what to repay or to add so that liquidation prices move to this one [USD].
        """
        return self._source.answer("account", _given(locals()))

    def history(self, driver: str | None = None, *, days: int | None = None) -> Answer:
        """How the driver's ranges, debt and collateral moved between the stored scans, and in 1 h,
        24 h and 7 d (`windows`); without a driver, those of the whole chain."""
        return self._source.answer("history", _given(locals()))

    def liquidations(
        self,
        *,
        since: str | None = None,
        from_block: int | None = None,
        to_block: int | None = None,
        protocol: str | None = None,
        limit: int | None = None,
    ) -> Answer:
        """Liquidations that were read into the store: the last 24 hours where nobody says; `since`
        is a length of time (1h, 7d) back from the newest block that was read."""
        return self._source.answer("liquidations", _given(locals()))

    def backtest(self, driver: str | None = None) -> Answer:
        """What became of the ranges of earlier scans."""
        return self._source.answer("backtest", _given(locals()))

    def certificate(self) -> Answer:
        """The proof the scan carries about itself, and all it does not know."""
        return self._source.answer("certificate", {})

    def tokens(self) -> Answer:
        """What each token's price follows, by how much, and who says so."""
        return self._source.answer("tokens", {})

    def proof(self) -> Answer:
        """What the protocols themselves said about the liquidation prices (`bandscan verify`)."""
        return self._source.answer("proof", {})

    def scans(self) -> Answer:
        """The stored scans, the newest first."""
        return self._source.answer("scans", {})

    def status(self) -> Answer:
        """What is there of each chain, how old it is, and what is wrong with it."""
        return self._source.answer("status", {})


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """The filters among a method's local names."""
    return {name: value for name, value in values.items() if name != "self" and value is not None}

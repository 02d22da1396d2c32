"""The endpoints that answer from a scan: what each takes, and the shape of what it gives."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Path, Query
from starlette.responses import Response

from scanner.outputs.api import filters, happenings, models, pasts, proofs
from scanner.outputs.api.answering import Answers

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def declare(api: FastAPI, answers: Answers) -> None:
    """Add them to `api`."""

    def get(path: str, model: Any) -> Callable[[Endpoint], Endpoint]:
        return api.get(path, response_model=model, tags=["scan"])

    @get("/v1/drivers", models.Drivers)
    async def drivers(asked: Annotated[filters.OfScan, Query()]) -> Response:
        """Every driver: spot, borrowers, collateral, debt, what is at risk, the nearest ranges."""
        return await answers("drivers", asked)

    @get("/v1/bands", models.Bands)
    async def bands(asked: Annotated[filters.BandFilters, Query()]) -> Response:
        """Price ranges with far more at risk than around them, and single large accounts."""
        return await answers("bands", asked)

    @get("/v1/ticks", models.Ticks)
    async def ticks(asked: Annotated[filters.BandFilters, Query()]) -> Response:
        """Collateral at risk per small step of price."""
        return await answers("ticks", asked)

    @get("/v1/levels", models.Levels)
    async def levels(asked: Annotated[filters.LevelFilters, Query()]) -> Response:
        """What a fall below, or a rise above, each price makes liquidatable, from spot on."""
        return await answers("levels", asked)

    @get("/v1/positions", models.Positions)
    async def positions(asked: Annotated[filters.PositionFilters, Query()]) -> Response:
        """The positions a driver can liquidate, a page at a time."""
        return await answers("positions", asked)

    @get("/v1/accounts/{address}", models.Account)
    async def account(
        address: Annotated[
            filters.Address,
            Path(
                pattern=filters.ADDRESS,
                examples=["0x" + "0" * 39 + "1"],
                description="An account, or the owner of some.",
            ),
        ],
        asked: Annotated[filters.AccountFilters, Query()],
    ) -> Response:
        """What one account holds and owes, and which prices liquidate it."""
        return await answers("account", asked, address=address)

    @get("/v1/history", pasts.History)
    async def history(asked: Annotated[filters.HistoryFilters, Query()]) -> Response:
        """What changed in 1 h, 24 h and 7 d, and between the stored scans: a driver's ranges, debt,
        collateral and borrowers, or the whole chain's debt and the liquidity beside it."""
        return await answers("history", asked)

    @get("/v1/liquidations", happenings.Liquidations)
    async def liquidations(
        asked: Annotated[filters.LiquidationFilters, Query()],
    ) -> Response:
        """Liquidations that happened, as far as they were read into the store."""
        return await answers("liquidations", asked, any_scan=True)

    @get("/v1/backtest", happenings.Backtest)
    async def backtest(asked: Annotated[filters.BacktestFilters, Query()]) -> Response:
        """What became of the ranges of earlier scans: liquidated, repaid, still there."""
        return await answers("backtest", asked, any_scan=True)

    @get("/v1/certificate", proofs.Certificate)
    async def certificate(asked: Annotated[filters.OfScan, Query()]) -> Response:
        """The proof the scan carries about itself, and all it does not know."""
        return await answers("certificate", asked)

    @get("/v1/tokens", proofs.Tokens)
    async def tokens(asked: Annotated[filters.OfScan, Query()]) -> Response:
        """What each token's price follows, by how much, and who says so."""
        return await answers("tokens", asked)

    @get("/v1/proof", proofs.Proof)
    async def proof(asked: Annotated[filters.OfScan, Query()]) -> Response:
        """What the protocols themselves said about the liquidation prices (`bandscan verify`)."""
        return await answers("proof", asked)

    @get("/v1/scans", pasts.Scans)
    async def scans(asked: Annotated[filters.ScanFilters, Query()]) -> Response:
        """The stored scans, the newest first, incomplete ones among them."""
        return await answers("scans", asked, any_scan=True)

    @get("/v1/scan", proofs.Document)
    async def scan(asked: Annotated[filters.OfScan, Query()]) -> Response:
        """The whole document of the newest scan, byte for byte as it is stored."""
        return await answers("scan", asked)

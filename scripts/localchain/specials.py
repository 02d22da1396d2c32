"""One labelled plain account for each special case a scanner may trip over.

    plain             ether collateral, dollar debt
    short             dollar collateral, ether debt: liquidated by a rise
    mixed             ether and bitcoin collateral
    many              six collaterals, four debts
    same_asset        ether both as collateral and as debt
    e_mode_eth        in the ether e-mode
    loop              wstETH against ether, in the e-mode: the ether price does not matter
    e_mode_stable     stablecoin against stablecoin, in the e-mode
    e_mode_foreign    in the ether e-mode, with bitcoin collateral beside
    e_mode_left       entered an e-mode and left it
    collateral_off    a collateral flag lowered
    zero_threshold    supplies something that is no collateral
    pt                a collateral only inside its e-mode (origin)
    stable_rate       debt at the stable rate (core)
    delegator         owes what somebody else borrowed
    delegatee         borrowed at somebody else's cost: owes nothing
    supplied_for      somebody else supplied its collateral
    transfer_in       got its only collateral by a transfer of aTokens
    transfer_in_idle  has its own collateral, and got other aTokens by a transfer
    supply_only       never had debt
    repaid            had debt, keeps collateral
    closed            had debt, took everything home
    dust              a few cents of debt
    dust_1wei         a debt of one unit
    liquidated        liquidated once, still in debt
    liquidatable      could be liquidated now
    bad_debt          collateral is worth less than the debt
    wiped             all collateral was liquidated: core leaves debt, origin writes it off

The last five are opened while prices are higher.
"""

from typing import TYPE_CHECKING

from localchain.account import STABLE_RATE, Account

if TYPE_CHECKING:
    from localchain.chain import LocalChain

LIQUIDITY = {"WETH": 20_000, "USDC": 50e6, "DAI": 50e6, "USDT": 50e6, "WBTC": 500}


def make(chain: "LocalChain") -> dict[str, str]:
    """Make them all; accounts by label, also kept in the chain's ledger."""
    for symbol, amount in LIQUIDITY.items():
        token = chain.tokens[symbol]
        chain.ensure_liquidity(token, token.units(amount))
    _everyday(chain)
    _e_modes(chain)
    _by_others(chain)
    _ended(chain)
    _under_water(chain)
    return chain.labels


def _label(chain: "LocalChain", label: str) -> Account:
    account = chain.account(label)
    chain.labels[label] = account.address
    return account


def _everyday(chain: "LocalChain") -> None:
    plain = _label(chain, "plain")
    plain.supply("WETH", 10)
    plain.borrow_part("USDC", 0.6)

    short = _label(chain, "short")
    short.supply("USDC", 50_000)
    short.borrow_part("WETH", 0.6)

    mixed = _label(chain, "mixed")
    mixed.supply("WETH", 20)
    mixed.supply("WBTC", 1)
    mixed.borrow_part("USDC", 0.6)

    many = _label(chain, "many")
    supplies = {"WETH": 4, "wstETH": 3, "WBTC": 0.2, "USDC": 9_000, "DAI": 8_000, "LINK": 700}
    for symbol, amount in supplies.items():
        many.supply(symbol, amount)
    for symbol in ("USDC", "DAI", "USDT", "WETH"):
        many.borrow_part(symbol, 0.15)

    same = _label(chain, "same_asset")
    same.supply("WETH", 50)
    same.borrow_part("WETH", 0.25)
    same.borrow_part("USDC", 0.5)

    off = _label(chain, "collateral_off")
    off.supply("WETH", 10)
    off.borrow_part("DAI", 0.5)
    off.supply("WBTC", 0.5)
    off.use_as_collateral("WBTC", False)

    zero = _label(chain, "zero_threshold")
    zero.supply("USDT", 30_000)
    zero.supply("WETH", 5)
    zero.borrow_part("DAI", 0.6)

    dust = _label(chain, "dust")
    dust.supply("WETH", 0.0001)
    dust.borrow("USDC", 0.05)

    wei = _label(chain, "dust_1wei")
    wei.supply("WETH", 0.01)
    wei.borrow("DAI", units=1)

    if chain.tokens["DAI"].sdebt:
        stable = _label(chain, "stable_rate")
        stable.supply("WETH", 10)
        stable.borrow_part("DAI", 0.4, rate=STABLE_RATE)
        stable.borrow_part("USDC", 0.2)


def _e_modes(chain: "LocalChain") -> None:
    user = _label(chain, "e_mode_eth")
    user.supply("wstETH", 10)
    user.enter_e_mode(1)
    user.borrow_part("WETH", 0.7)

    loop = _label(chain, "loop")
    loop.enter_e_mode(1)
    loop.supply("wstETH", 100)
    for part in (0.6, 0.6, 0.9):
        loop.borrow_part("WETH", part)

    stable = _label(chain, "e_mode_stable")
    stable.enter_e_mode(2)
    stable.supply("USDC", 100_000)
    stable.borrow_part("DAI", 0.98)

    foreign = _label(chain, "e_mode_foreign")
    foreign.enter_e_mode(1)
    foreign.supply("WETH", 20)
    foreign.supply("WBTC", 1)
    foreign.borrow_part("WETH", 0.85)

    left = _label(chain, "e_mode_left")
    left.enter_e_mode(1)
    left.supply("WETH", 10)
    left.borrow_part("WETH", 0.2)
    left.enter_e_mode(0)

    if "PT" in chain.tokens:
        pt = _label(chain, "pt")
        pt.enter_e_mode(3)
        pt.supply("PT", 20_000)
        pt.use_as_collateral("PT")
        pt.borrow_part("USDC", 0.9)


def _by_others(chain: "LocalChain") -> None:
    delegator, delegatee = _label(chain, "delegator"), _label(chain, "delegatee")
    delegator.supply("WETH", 10)
    delegator.delegate("USDC", 1_000_000, delegatee.address)
    delegatee.borrow_part("USDC", 0.6, debtor=delegator.address)

    supplied = _label(chain, "supplied_for")
    chain.account("benefactor").supply("WETH", 6, to=supplied.address)
    supplied.borrow_part("USDC", 0.4)

    receiver, giver = _label(chain, "transfer_in"), chain.account("giver")
    giver.supply("WETH", 8)
    giver.send_atoken("WETH", 5, receiver.address)
    if chain.flavour == "origin":  # v3.6: received aTokens are collateral only when told so
        receiver.use_as_collateral("WETH")
    receiver.borrow_part("USDC", 0.6)

    idle = _label(chain, "transfer_in_idle")
    idle.supply("WETH", 5)
    idle.borrow_part("USDC", 0.7)
    giver.supply("WBTC", 0.3)
    giver.send_atoken("WBTC", 0.1, idle.address)


def _ended(chain: "LocalChain") -> None:
    supplier = _label(chain, "supply_only")
    supplier.supply("WETH", 3)
    supplier.supply("USDC", 1_000)

    repaid = _label(chain, "repaid")
    repaid.supply("WETH", 4)
    repaid.borrow_part("USDC", 0.4)
    repaid.repay("USDC")

    closed = _label(chain, "closed")
    closed.supply("WBTC", 1)
    closed.borrow_part("DAI", 0.4)
    closed.repay("DAI")
    closed.withdraw("WBTC")


def _under_water(chain: "LocalChain") -> None:
    """Borrowed while collateral was dearer; debts are set by what is left at today's prices."""
    liquidated, liquidatable = _label(chain, "liquidated"), _label(chain, "liquidatable")
    bad, wiped = _label(chain, "bad_debt"), _label(chain, "wiped")
    ether, link = 100 * chain.price("WETH"), 10_000 * chain.price("LINK")
    with chain.lifted({"ETH / USD": 1.3, "LINK / USD": 2.6}):
        for account in (liquidated, liquidatable):
            account.supply("WETH", 100)
            account.borrow("USDC", ether * 0.83 / 0.97)  # health factor 0.97
        for account in (bad, wiped):
            account.supply("LINK", 10_000)
            account.borrow("DAI", link * 1.4)
    chain.liquidate(liquidated.address, "WETH", "USDC")
    chain.liquidate(wiped.address, "LINK", "DAI")

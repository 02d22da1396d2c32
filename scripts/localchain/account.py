"""One plain account (no contract) that acts, a transaction for each step."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eth_utils.crypto import keccak

from localchain.abi import MAX

if TYPE_CHECKING:
    from localchain.chain import LocalChain

STABLE_RATE, VARIABLE_RATE = 1, 2


@dataclass(frozen=True)
class Account:
    """Amounts are whole tokens ("1.5 WETH"), or `units` of the smallest; None means all."""

    chain: "LocalChain"
    address: str

    @classmethod
    def named(cls, chain: "LocalChain", name: str) -> "Account":
        """The account of a name."""
        return cls(chain, "0x" + keccak(text=f"bandscan account {name}")[12:].hex())

    def supply(
        self, symbol: str, amount: float = 0, *, units: int | None = None, to: str | None = None
    ) -> None:
        """Mint and supply; `to` gets the aTokens."""
        token = self.chain.tokens[symbol]
        value = token.units(amount) if units is None else units
        self._provide(symbol, value)
        signature = "supply(address,uint256,address,uint16)"
        self._pool(signature, token.address, value, to or self.address, 0)

    def borrow(
        self,
        symbol: str,
        amount: float = 0,
        *,
        units: int | None = None,
        rate: int = VARIABLE_RATE,
        debtor: str | None = None,
    ) -> None:
        """Borrow; with `debtor`, on that account's delegated credit."""
        token = self.chain.tokens[symbol]
        value = token.units(amount) if units is None else units
        signature = "borrow(address,uint256,uint256,uint16,address)"
        self._pool(signature, token.address, value, rate, 0, debtor or self.address)

    def borrow_part(
        self, symbol: str, part: float, *, rate: int = VARIABLE_RATE, debtor: str | None = None
    ) -> None:
        """Borrow this part of what the account (or the `debtor`) may still borrow."""
        data = self.chain.account_data(debtor or self.address)
        token, price = self.chain.tokens[symbol], self.chain.price_raw(symbol)
        units = int(data["availableBorrowsBase"] * part * token.unit / price)
        self.borrow(symbol, units=units, rate=rate, debtor=debtor)

    def repay(self, symbol: str, amount: float | None = None) -> None:
        """Mint and repay variable debt."""
        token = self.chain.tokens[symbol]
        if amount is None:
            self._provide(symbol, self.chain.call(token.vdebt, _BALANCE, self.address))
            value = MAX
        else:
            value = token.units(amount)
            self._provide(symbol, value)
        signature = "repay(address,uint256,uint256,address)"
        self._pool(signature, token.address, value, VARIABLE_RATE, self.address)

    def withdraw(self, symbol: str, amount: float | None = None) -> None:
        """Withdraw to the account itself."""
        token = self.chain.tokens[symbol]
        value = MAX if amount is None else token.units(amount)
        self._pool("withdraw(address,uint256,address)", token.address, value, self.address)

    def use_as_collateral(self, symbol: str, on: bool = True) -> None:
        """Raise or lower the collateral flag."""
        signature = "setUserUseReserveAsCollateral(address,bool)"
        self._pool(signature, self.chain.tokens[symbol].address, on)

    def enter_e_mode(self, category: int) -> None:
        """Enter an e-mode, or leave with 0."""
        self._pool("setUserEMode(uint8)", category)

    def delegate(self, symbol: str, amount: float, to: str) -> None:
        """Let `to` borrow at this account's cost."""
        token = self.chain.tokens[symbol]
        signature = "approveDelegation(address,uint256)"
        self.chain.send(self.address, token.vdebt, signature, to, token.units(amount))

    def send_atoken(self, symbol: str, amount: float, to: str) -> None:
        """Transfer aTokens."""
        token = self.chain.tokens[symbol]
        units = token.units(amount)
        self.chain.send(self.address, token.atoken, "transfer(address,uint256)", to, units)

    def _pool(self, signature: str, *args: object) -> None:
        self.chain.send(self.address, self.chain.pool, signature, *args)

    def _provide(self, symbol: str, units: int) -> None:
        token = self.chain.tokens[symbol].address
        self.chain.send(self.address, token, "mint(address,uint256)", self.address, units)
        self.chain.send(self.address, token, "approve(address,uint256)", self.chain.pool, units)


_BALANCE = "balanceOf(address)(uint256)"

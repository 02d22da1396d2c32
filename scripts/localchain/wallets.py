"""Many accounts acting in few transactions: wallets, driven by the Populator contract.

A wallet is a contract, as many real users are, and does one operation after the other; its
address follows from its name.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from eth_utils.crypto import keccak

from localchain import abi
from localchain.abi import MAX, address_word, word
from localchain.errors import LocalChainError
from localchain.market import Token

if TYPE_CHECKING:
    from localchain.chain import LocalChain

SUPPLY, BORROW, REPAY, WITHDRAW, COLLATERAL, E_MODE, SEND = range(1, 8)
PER_TRANSACTION = 250  # about 100 million gas

T = TypeVar("T")

_FAILED = abi.topic("Failed(uint256,address,bytes)")
_CLONE = "3d602d80600a3d3981f3363d3d373d3d3d363d73{}5af43d82803e903d91602b57fd5bf3"


@dataclass(frozen=True)
class Op:
    """One thing a wallet does; see Populator.sol for what each field means."""

    kind: int
    token: str
    amount: int
    other: str = "0x" + "00" * 20

    def words(self) -> list[bytes]:
        """The three words the contract reads."""
        head = bytes([self.kind]) + address_word(self.token)[1:]
        return [head, word(self.amount), address_word(self.other)]


def supply(token: Token, units: int) -> Op:
    """Mint and supply."""
    return Op(SUPPLY, token.address, units)


def borrow(token: Token, units: int) -> Op:
    """Borrow at the variable rate."""
    return Op(BORROW, token.address, units)


def repay(token: Token, units: int = MAX) -> Op:
    """Mint and repay variable debt; all of it unless told otherwise."""
    return Op(REPAY, token.address, units, token.vdebt)


def withdraw(token: Token, units: int = MAX) -> Op:
    """Withdraw to the wallet itself; all unless told otherwise."""
    return Op(WITHDRAW, token.address, units)


def use_as_collateral(token: Token, on: bool) -> Op:
    """Raise or lower the collateral flag."""
    return Op(COLLATERAL, token.address, int(on))


def enter_e_mode(category: int) -> Op:
    """Enter an e-mode, or leave with 0."""
    return Op(E_MODE, "0x" + "00" * 20, category)


def send_atoken(token: Token, units: int, to: str) -> Op:
    """Transfer aTokens."""
    return Op(SEND, token.atoken, units, to)


def create(chain: "LocalChain", names: Sequence[str]) -> list[str]:
    """New wallets; the same names give the same addresses on every chain of the flavour."""
    populator = chain.deployment.populator
    implementation = chain.call(populator, "wallet()(address)")
    code_hash = keccak(hexstr=_CLONE.format(implementation[2:]))
    salts = [keccak(text=name) for name in names]
    for part in _parts(salts, 4 * PER_TRANSACTION):
        data = abi.encode_arrays("create(bytes32[])", part)
        chain.node.transact(chain.owner, populator, data, doing="making wallets")
    origin = b"\xff" + bytes.fromhex(populator[2:])
    return ["0x" + keccak(origin + salt + code_hash)[12:].hex() for salt in salts]


def run(chain: "LocalChain", work: Sequence[tuple[str, Sequence[Op]]]) -> dict[str, str]:
    """Let wallets act, in order, and note who borrowed.

    Returns
    -------
    dict
        Wallets that failed (all their operations undone), with the reason.
    """
    failed: dict[str, str] = {}
    for part in _parts(work, PER_TRANSACTION):
        receipt = chain.node.transact(
            chain.owner,
            chain.deployment.populator,
            abi.encode_arrays(
                "run(address[],uint256[],uint256[])",
                [address_word(wallet) for wallet, _ in part],
                [word(3 * len(ops)) for _, ops in part],
                [w for _, ops in part for op in ops for w in op.words()],
            ),
            doing="letting wallets act",
        )
        for log in receipt["logs"]:
            if log["topics"][0] == _FAILED:
                reason = abi.decode_answer("f()(bytes)", bytes.fromhex(log["data"][2:]))
                failed["0x" + log["topics"][2][26:]] = chain.node.errors.explain(reason)
        for wallet, ops in part:
            if wallet not in failed and any(op.kind == BORROW for op in ops):
                chain.ledger.borrowers_ever.add(wallet)
    return failed


def run_all(chain: "LocalChain", work: Sequence[tuple[str, Sequence[Op]]]) -> None:
    """Let wallets act; nobody may fail."""
    failed = run(chain, work)
    if failed:
        wallet, reason = next(iter(failed.items()))
        raise LocalChainError(f"{len(failed)} of {len(work)} wallets failed; {wallet}: {reason}")


def amounts(work: Iterable[tuple[str, Sequence[Op]]], kind: int) -> dict[str, int]:
    """Sum of units by token address over all operations of a kind."""
    total: dict[str, int] = {}
    for _, ops in work:
        for op in ops:
            if op.kind == kind:
                total[op.token] = total.get(op.token, 0) + op.amount
    return total


def _parts(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[at : at + size] for at in range(0, len(items), size)]

"""One read of one contract, and what it may come to."""

from dataclasses import dataclass, field
from typing import Any

from scanner.chain.abi import Abi


@dataclass(frozen=True)
class Call:
    """One read: `function` of `abi` at `target` (20 bytes or hexadecimal) with `args`."""

    target: bytes | str
    abi: Abi = field(repr=False)
    function: str
    args: tuple[Any, ...] = ()

    @property
    def address(self) -> bytes:
        """The target as 20 bytes."""
        if isinstance(self.target, bytes):
            return self.target
        return bytes.fromhex(self.target.removeprefix("0x"))

    def encoded(self) -> bytes:
        """Call data."""
        from eth_abi.abi import encode

        return self.abi.selector(self.function) + encode(
            self.abi.inputs(self.function), [plain(arg) for arg in self.args]
        )

    def decoded(self, answer: bytes) -> Any:
        """One value, or a tuple of several. Raises what eth_abi raises."""
        from eth_abi.abi import decode

        values = decode(self.abi.outputs(self.function), answer)
        return values[0] if len(values) == 1 else tuple(values)


@dataclass(frozen=True)
class Failed:
    """A call without an answer, and why. Falsy, so that `value or default` reads well."""

    reason: str

    def __bool__(self) -> bool:
        return False


def plain(arg: Any) -> Any:
    """Arguments as eth_abi wants them: numpy rows as bytes, numpy integers as int."""
    if hasattr(arg, "dtype"):
        return arg.tobytes() if getattr(arg, "ndim", 0) else arg.item()
    if isinstance(arg, (list, tuple)):
        return [plain(item) for item in arg]
    return arg

"""As much of an assembler for the EVM as our own programs need (lens.py, stub.py, bench.py)."""

from typing import Self

_OPS = {
    "STOP": 0x00,
    "ADD": 0x01,
    "MUL": 0x02,
    "SUB": 0x03,
    "LT": 0x10,
    "GT": 0x11,
    "EQ": 0x14,
    "ISZERO": 0x15,
    "AND": 0x16,
    "OR": 0x17,
    "BYTE": 0x1A,
    "SHL": 0x1B,
    "SHR": 0x1C,
    "ADDRESS": 0x30,
    "CALLER": 0x33,
    "CALLDATALOAD": 0x35,
    "CALLDATASIZE": 0x36,
    "CALLDATACOPY": 0x37,
    "CODECOPY": 0x39,
    "RETURNDATASIZE": 0x3D,
    "RETURNDATACOPY": 0x3E,
    "BLOCKHASH": 0x40,
    "TIMESTAMP": 0x42,
    "NUMBER": 0x43,
    "CHAINID": 0x46,
    "POP": 0x50,
    "MLOAD": 0x51,
    "MSTORE": 0x52,
    "MSTORE8": 0x53,
    "SLOAD": 0x54,
    "SSTORE": 0x55,
    "JUMP": 0x56,
    "JUMPI": 0x57,
    "GAS": 0x5A,
    "JUMPDEST": 0x5B,
    "DUP1": 0x80,
    "CALL": 0xF1,
    "RETURN": 0xF3,
    "DELEGATECALL": 0xF4,
    "STATICCALL": 0xFA,
    "REVERT": 0xFD,
}
_PUSH1, _PUSH2 = 0x60, 0x61


class Assembler:
    """Code, written in order; places are named and filled in at the end.

    Opcodes and their operands: https://www.evm.codes. Of several operands the one pushed last is
    the first. No opcode is newer than Istanbul (no PUSH0), since not every chain has them.

    >>> Assembler().push(1).push(256).op("ADD").code().hex()
    '600161010001'
    """

    def __init__(self) -> None:
        self._parts = bytearray()
        self._places: dict[str, int] = {}
        self._wanted: list[tuple[int, str]] = []

    def op(self, name: str) -> Self:
        """One operation."""
        self._parts.append(_OPS[name])
        return self

    def push(self, value: int) -> Self:
        """A constant, in as few bytes as it takes."""
        content = value.to_bytes(max(1, -(-value.bit_length() // 8)), "big")
        self._parts.append(_PUSH1 + len(content) - 1)
        self._parts += content
        return self

    def place(self, name: str) -> Self:
        """Push where a name is, or the length of all code ("end")."""
        self._parts.append(_PUSH2)
        self._wanted.append((len(self._parts), name))
        self._parts += bytes(2)
        return self

    def mark(self, name: str) -> Self:
        """Name this place, so that it can be jumped to."""
        self._places[name] = len(self._parts)
        return self.op("JUMPDEST")

    def jump(self, name: str) -> Self:
        """Go on at a name."""
        return self.place(name).op("JUMP")

    def jump_if(self, name: str) -> Self:
        """Go on at a name if the topmost value is not zero."""
        return self.place(name).op("JUMPI")

    def copy(self, to: int, size: int) -> Self:
        """Copy `size` bytes, in whole words, from the address on top of the stack; it stays."""
        for offset in range(0, size, 32):
            self.op("DUP1").push(offset).op("ADD").op("MLOAD").push(to + offset).op("MSTORE")
        return self

    def code(self) -> bytes:
        """The code, all names filled in."""
        found = bytearray(self._parts)
        for at, name in self._wanted:
            where = len(found) if name == "end" else self._places[name]
            found[at : at + 2] = where.to_bytes(2, "big")
        return bytes(found)

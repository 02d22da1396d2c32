"""The JSON-RPC methods that a scan uses, with the limits and the refusals of a real endpoint."""

import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from synthetic.calls import AGGREGATE3, TRY_BLOCK, Malformed, decode, encode, single
from synthetic.contracts import Contracts
from synthetic.getters import MULTICALL3
from synthetic.history import Filter
from synthetic.lens import Reader, answer
from synthetic.world import World

SERVER, PARAMS, NO_METHOD, LIMIT, REVERTED = -32000, -32602, -32601, -32005, 3
_NEWEST = 1_024  # blocks that are known by their hashes
_CODE = b'"0x' + 64 * b"60806040" + b'"'


class Refused(Exception):
    """An error answer."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True)
class Limits:
    """`log_range` blocks and `most_logs` logs in one answer of eth_getLogs; None for no limit."""

    log_range: int | None = 10_000
    most_logs: int | None = None


class Node:
    """Answers requests about a world; subclass it to teach it more (`lens`)."""

    def __init__(self, world: World, limits: Limits) -> None:
        self.world, self.limits = world, limits
        self.contracts = Contracts(world)
        self._lens = Reader()
        self._numbers: dict[bytes, int] = {}  # of the newest blocks, by hash
        self._code = {*world.addresses, MULTICALL3}
        self._methods: dict[str, Callable[[list[Any]], bytes]] = {
            "eth_chainId": lambda _: _quantity(world.shape.chain_id),
            "eth_blockNumber": lambda _: _quantity(world.head),
            "eth_getBlockByNumber": self._block,
            "eth_getCode": self._get_code,
            "eth_getStorageAt": lambda _: b'"0x' + 64 * b"0" + b'"',
            "eth_getLogs": self._logs,
            "eth_call": self._call,
        }

    def lens(self, params: list[Any]) -> bytes | None:
        """HOOK: what an eth_call returns that this node does not know by itself, or None.

        Asked first, with the parameters of every eth_call: `[{"to", "data", ...}, block,
        overrides]`. Here it understands the scanner's own lens, lent as a state override; a
        subclass may understand less or more, best by `self.contracts.answer` and `self.state_of`,
        and may raise `Refused`.
        """
        found = self._lens.read(params)
        if found is None:
            return None
        lens, calls = found
        block, world = self.state_of(params[1]), self.world
        proof = (block, world.hash(block - 1), world.time(block), world.shape.chain_id)
        return answer(lens, self.contracts.answer(calls, block), proof)

    def handle(self, body: bytes) -> tuple[str, bytes]:
        """The method of a request, and the answer's body."""
        number: Any = None
        method = "?"
        try:
            question = msgspec.json.decode(body)
            if not isinstance(question, dict):
                raise Refused(-32600, "one request at a time")
            number, method = question.get("id"), str(question.get("method"))
            if method not in self._methods:
                raise Refused(NO_METHOD, f"the method {method} does not exist/is not available")
            result = self._methods[method](question.get("params") or [])
            head = b'{"jsonrpc":"2.0","id":' + msgspec.json.encode(number)
            return method, b"".join([head, b',"result":', result, b"}"])
        except Refused as refused:
            error = {"code": refused.code, "message": refused.message}
        except (msgspec.MsgspecError, binascii.Error, IndexError, TypeError, ValueError) as wrong:
            error = {"code": PARAMS, "message": f"invalid argument: {wrong}"}
        return method, msgspec.json.encode({"jsonrpc": "2.0", "id": number, "error": error})

    def move(self, count: int, blocks: int) -> int:
        """See `World.move`."""
        head = self.world.move(count, blocks)
        self.contracts.forget()
        return head

    def block_of(self, name: Any) -> int:
        """The block of a number or a tag; refuses one that is not there yet."""
        tags = {"latest": 0, "pending": 0, "safe": 32, "finalized": 64}
        if name == "earliest":
            return 0
        block = self.world.head - tags[name] if name in tags else int(name, 16)
        if block > self.world.head:
            raise Refused(SERVER, "header not found")
        return block

    def state_of(self, name: Any) -> int:
        """`block_of`; refuses one whose state is gone."""
        block = self.block_of(name)
        if block < self.world.settled:
            raise Refused(SERVER, f"missing trie node: the state of block {block} is pruned")
        return block

    def _block(self, params: list[Any]) -> bytes:
        try:
            number = self.block_of(params[0])
        except Refused:
            return b"null"
        world, nothing = self.world, "0x" + 64 * "0"
        return msgspec.json.encode(
            {
                "number": hex(number),
                "hash": "0x" + world.hash(number).hex(),
                "parentHash": "0x" + (world.hash(number - 1).hex() if number else 64 * "0"),
                "timestamp": hex(world.time(number)),
                "gasLimit": hex(60_000_000),
                "gasUsed": hex(30_000_000),
                "baseFeePerGas": hex(10**9),
                "miner": "0x" + 40 * "0",
                "logsBloom": "0x" + 512 * "0",
                "stateRoot": nothing,
                "transactionsRoot": nothing,
                "receiptsRoot": nothing,
                "transactions": [],
                "uncles": [],
            }
        )

    def _get_code(self, params: list[Any]) -> bytes:
        address, block = bytes.fromhex(params[0][2:]), self.block_of(params[1])
        there = block >= self.world.shape.first_block
        return _CODE if there and address in self._code else b'"0x"'

    def _logs(self, params: list[Any]) -> bytes:
        asked = params[0]
        topics = asked.get("topics") or []
        if any(topic is not None for topic in topics[1:]):
            raise Refused(PARAMS, "only blocks, contracts and first topics are filtered here")
        world, limits = self.world, self.limits
        if "blockHash" in asked:
            first = last = self._number_of(bytes.fromhex(asked["blockHash"][2:]))
        else:
            first, last = (self._bound(asked.get(name)) for name in ("fromBlock", "toBlock"))
        if first > last:
            raise Refused(PARAMS, "invalid block range params")
        if limits.log_range is not None and last - first + 1 > limits.log_range:
            raise Refused(SERVER, f"exceed maximum block range: {limits.log_range}")
        wanted = Filter(_bytes(asked.get("address")), _bytes(topics[0]) if topics else None)
        places = world.history.places(world.market, wanted, first, last)
        if limits.most_logs is not None and len(places) > limits.most_logs:
            raise Refused(LIMIT, f"query returned more than {limits.most_logs} results")
        return world.history.render(places, world.market, world.people.address, world.genesis)

    def _number_of(self, block_hash: bytes) -> int:
        """The block of a hash, of the newest ones."""
        world = self.world
        if world.hash(world.head) not in self._numbers:
            newest = range(max(0, world.head - _NEWEST), world.head + 1)
            self._numbers = {world.hash(number): number for number in newest}
        if block_hash not in self._numbers:
            raise Refused(SERVER, "unknown block")
        return self._numbers[block_hash]

    def _bound(self, name: Any) -> int:
        try:
            return self.block_of("latest" if name is None else name)
        except Refused:
            raise Refused(SERVER, "block range extends beyond current head block") from None

    def _call(self, params: list[Any]) -> bytes:
        answer = self.lens(params)
        if answer is None:
            answer = self._called(params)
        return b'"0x' + binascii.hexlify(answer) + b'"'

    def _called(self, params: list[Any]) -> bytes:
        what = params[0]
        if not what.get("to"):
            raise Refused(SERVER, "missing to")
        target = bytes.fromhex(what["to"][2:])
        if len(params) > 2 and params[2] and target != MULTICALL3:
            raise Refused(SERVER, "state override is not supported")
        block = self.state_of(params[1] if len(params) > 1 else "latest")
        data = binascii.unhexlify((what.get("data") or what.get("input") or "0x")[2:])
        if target == MULTICALL3 and data[:4] in (AGGREGATE3, TRY_BLOCK):
            try:
                calls = decode(data)
            except Malformed:
                raise Refused(REVERTED, "execution reverted") from None
            found = self.contracts.answer(calls, block)
            return encode(found, block if data[:4] == TRY_BLOCK else None)
        found = self.contracts.answer(single(target, data), block)
        if not found.ok[0] and target in self._code:
            raise Refused(REVERTED, "execution reverted")
        return found.data(0)


def _quantity(number: int) -> bytes:
    return b'"0x%x"' % number


def _bytes(value: Any) -> frozenset[bytes] | None:
    """One hexadecimal string, or a list of them; None for any."""
    if value is None or value == []:
        return None
    texts = [value] if isinstance(value, str) else value
    return frozenset(bytes.fromhex(text[2:]) for text in texts)

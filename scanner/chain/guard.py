"""The package `multicall`, held so that it can lose nothing.

`multicall` 0.15.2 is handy and not to be trusted alone: it drops the last call when the number of
calls is one more than a multiple of its step, decodes a missing contract as None without a word,
mixes blocks when none is given, retries for minutes on its own and does not know every chain. So
it gets chunks below its step, our block, our transport (retries, failover, no secrets), four proof
calls in each chunk, and every key is looked for.
"""

import asyncio
from typing import Any

import msgspec

from scanner.chain.calls import Call, plain
from scanner.chain.client import Client
from scanner.chain.multicall3 import USUAL_ADDRESS, Aggregate, Proof
from scanner.chain.packages import imported
from scanner.chain.values import data

CHUNK = 250  # calls at once; the answers' lengths are not known beforehand


class Guard:
    """The package `multicall`, its network door replaced by ours. One per node."""

    def __init__(self, client: Client, chain_id: int) -> None:
        constants: Any = imported("multicall.constants")
        utils: Any = imported("multicall.utils")
        self.trusted = True  # false once an endpoint refused what only multicall sends
        self._one_at_a_time = asyncio.Lock()
        self._door = _door(client)
        self._w3: Any = imported("web3").AsyncWeb3(self._door, middleware=[])
        # Known beforehand, so that it asks nobody and opens no connection of its own.
        chains: Any = utils.chainids
        clients: Any = utils.async_w3s
        self._tables: tuple[Any, ...] = (chains, clients, utils._state_override_supported)
        chains[self._w3], clients[self._w3] = chain_id, self._w3
        known: Any = constants.MULTICALL3_ADDRESSES
        known.setdefault(chain_id, "0x" + USUAL_ADDRESS.hex())

    def close(self) -> None:
        """Forget our key: multicall's tables live as long as the process."""
        for table in self._tables:
            table.pop(self._w3, None)

    async def ask(self, aggregate: Aggregate, calls: list[Call]) -> list[Any] | None:
        """Answers in order, None where a call failed; None = the chunk proves nothing.

        Raises what our transport raised.
        """
        import multicall

        make: Any = multicall.Call
        sizes = [len(call.abi.outputs(call.function)) for call in calls]
        wanted = [
            make(
                "0x" + call.address.hex(),
                [_signature(call), *(plain(arg) for arg in call.args)],
                [((i, j), None) for j in range(size)],
            )
            for i, (call, size) in enumerate(zip(calls, sizes, strict=True))
        ]
        proofs = [
            make("0x" + proof.target.hex(), [_signature(proof), *proof.args], [(proof.what, None)])
            for proof in aggregate.proof
        ]
        # A chunk as long as its step or longer would lose its last call.
        multicall.multicall.batcher.step = 10 * CHUNK
        batch = multicall.Multicall(
            [*wanted, *proofs],
            block_id=aggregate.block.number,
            require_success=False,
            _w3=self._w3,
        )
        found: Any = None
        async with self._one_at_a_time:
            self._door.need, self._door.refused = aggregate.need, None
            try:
                found = await batch.coroutine()
            except Exception:  # whatever it trips over, the strict path asks again
                found = None
            refused = self._door.refused
        if refused is not None:
            raise refused
        if found is None:
            return None
        for proof in aggregate.proof:
            said = found.get(proof.what)
            if (said.to_bytes(32, "big") if isinstance(said, int) else said) != proof.want:
                return None
        answers: list[Any] = []
        for i, size in enumerate(sizes):
            values = tuple(found.get((i, j)) for j in range(size))
            answers.append(None if None in values else values[0] if size == 1 else values)
        return answers


class _Stopped(Exception):
    """Carries nothing: multicall retries on the words of an error."""


def _door(client: Client) -> Any:
    """A web3 provider whose requests leave through our client."""
    from web3.providers.async_base import AsyncBaseProvider

    class Door(AsyncBaseProvider):
        global_ccip_read_enabled = False  # no contract sends us anywhere else
        refused: Exception | None = None
        need = ""

        async def make_request(self, method: Any, params: Any) -> Any:
            def accept(raw: msgspec.Raw) -> str:
                return "0x" + data(raw).hex()

            try:
                result = await client.ask(
                    str(method),
                    msgspec.json.encode(params),
                    accept,
                    need=self.need,
                    shrinkable=True,
                )
            except Exception as error:
                self.refused = error
            else:
                return {"jsonrpc": "2.0", "id": 1, "result": result}
            raise _Stopped

    return Door()


def _signature(call: Call | Proof) -> str:
    return f"{call.abi.signature(call.function)}({','.join(call.abi.outputs(call.function))})"

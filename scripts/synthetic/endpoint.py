"""The handle of a synthetic endpoint: `with Synthetic() as chain: chain.url`."""

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

from eth_utils.address import to_checksum_address

from synthetic.node import Limits, Node
from synthetic.server import Counts, Service, serve
from synthetic.world import CHAIN_ID, FIRST_BLOCK, Shape

_PATIENCE = 120.0  # seconds to be made, and to move


class Synthetic:
    """A synthetic endpoint in a process of its own, from now until `close`.

    Parameters
    ----------
    seed, borrowers, head, first_block, chain_id, logs_each
        See `Shape`.
    log_range, most_logs
        See `Limits`.
    latency, rate
        See `Service`.
    node : type
        A subclass of `Node` that knows more, importable by the child process.

    Attributes
    ----------
    url : str
    """

    def __init__(
        self,
        seed: int = 1,
        borrowers: int = 100_000,
        head: int = 25_000_000,
        *,
        log_range: int | None = 10_000,
        most_logs: int | None = None,
        latency: float = 0.0,
        rate: float | None = None,
        first_block: int = FIRST_BLOCK,
        chain_id: int = CHAIN_ID,
        logs_each: float = 3.0,
        node: type[Node] = Node,
    ) -> None:
        self.shape = Shape(seed, borrowers, head, first_block, chain_id, logs_each)
        context = multiprocessing.get_context("spawn")
        self._control, theirs = context.Pipe()
        arguments = (theirs, node, self.shape, Limits(log_range, most_logs), Service(latency, rate))
        self._process = context.Process(target=serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        try:
            port, self._pool = self._heard(self._control)
        except BaseException:
            self.close()
            raise
        self.head = head
        self.url = f"http://127.0.0.1:{port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process; harmless when it is ended."""
        self._control.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def move(self, count: int, blocks: int = 300) -> int:
        """Advance the head by `blocks` and let `count` borrowers change; returns the new head.

        Old state is gone afterwards: a scan under way finds it pruned.
        """
        self.head = int(self._asked("move", count, blocks))
        return self.head

    def counts(self) -> Counts:
        """Requests and bytes since the start; CPU time and memory of the server."""
        found = self._asked("counts")
        assert isinstance(found, Counts)
        return found

    @property
    def requests(self) -> int:
        """Requests since the start."""
        return self.counts().requests

    @property
    def bytes(self) -> int:
        """Bytes of all bodies since the start, both ways."""
        counts = self.counts()
        return counts.sent + counts.received

    def deployments_toml(self) -> str:
        """The market in the format of a deployments file."""
        return (
            "[[market]]\n"
            'protocol = "aave_v3"\n'
            'name = "synthetic"\n'
            f"chain_id = {self.shape.chain_id}\n"
            f"first_block = {self.shape.first_block}\n"
            f'pool = "{to_checksum_address(self._pool)}"\n'
        )

    def write_deployments(self, path: Path | str) -> None:
        """Write the deployments file."""
        Path(path).write_text(self.deployments_toml())

    def _asked(self, *order: Any) -> Any:
        self._control.send(order)
        return self._heard(self._control)

    def _heard(self, control: Connection) -> Any:
        if not control.poll(_PATIENCE):
            raise RuntimeError("the synthetic endpoint does not answer")
        try:
            found = control.recv()
        except EOFError:
            raise RuntimeError("the synthetic endpoint ended") from None
        if isinstance(found, Exception):
            raise found
        return found

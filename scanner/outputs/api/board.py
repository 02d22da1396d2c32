"""What is shown at this moment: one reference, replaced as a whole when the store changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from scanner.outputs.api import links
from scanner.outputs.api.bodies import REVALIDATED, Body
from scanner.outputs.api.problems import Refusal
from scanner.outputs.api.shelf import Shelf
from scanner.outputs.api.source import Chain, State

_STRANGE = "The newest scan is not what a scan writes."


@dataclass(frozen=True)
class Shown:
    """A state of the store, a shelf of answers for each of its chains, and the ready URLs."""

    state: State = field(default_factory=State)
    shelves: Mapping[int, Shelf] = field(default_factory=dict)
    ready: dict[bytes, Body] = field(default_factory=dict)


class Board:
    """Holds what is shown. A request reads `now` once, and so never sees half of a change.

    Parameters
    ----------
    log : callable
        Told of defects that a scan brought to light.
    cache : bytes
        The answers' Cache-Control.
    """

    def __init__(self, log: Callable[[Exception], None], cache: bytes = REVALIDATED) -> None:
        self._log = log
        self._cache = cache
        self.now = Shown()

    def show(self, state: State) -> None:
        """Replace what is shown, the answers that are asked most made before.

        Called from a worker thread, never by two at once. A scan that these answers cannot be made
        from is not shown, and the one before it neither.
        """
        shelves = {}
        for chain_id, chain in state.chains.items():
            before = self.now.shelves.get(chain_id)
            if before is not None and before.chain is chain:
                shelves[chain_id] = before
            else:
                shelves[chain_id] = self._shelf(chain, before)
        chains = {chain_id: shelf.chain for chain_id, shelf in shelves.items()}
        shown = Shown(replace(state, chains=chains), shelves)
        self._list(shown, first=True)
        self.now = shown

    def complete(self) -> None:
        """Make the other answers of what is shown, until something newer is."""
        self._list(self.now, first=False)

    def close(self) -> None:
        """Show nothing any more, so that nothing is made any more."""
        self.now = Shown()

    def _shelf(self, chain: Chain, before: Shelf | None) -> Shelf:
        shelf = Shelf(chain, before, self._cache)
        try:
            for question in shelf.plain_questions(first=True):
                shelf.body(question)
        except Exception as error:
            self._log(error)
            return Shelf(replace(chain, scan=None, trouble=_STRANGE), None, self._cache)
        return shelf

    def _list(self, shown: Shown, *, first: bool) -> None:
        """Put the plain answers under their URLs."""
        alone = len(shown.shelves) == 1
        for shelf in shown.shelves.values():
            for question in shelf.plain_questions(first=first):
                if not first and self.now is not shown:
                    return
                try:
                    body = shelf.body(question)
                except Refusal:
                    continue  # whoever asks for it is told why
                except Exception as error:  # one answer less is no reason for none of the rest
                    self._log(error)
                    continue
                for url in links.spellings(shelf.chain, question, alone=alone):
                    shown.ready[url] = body

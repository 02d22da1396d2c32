"""Which scan answers a request: the chain meant, what may be shown of it, the driver's spelling."""

from scanner.core.weighted import named
from scanner.deployments import chain_info
from scanner.errors import UsageError
from scanner.outputs.api.problems import Refusal
from scanner.outputs.api.source import Chain, Question, Scan, State


def chain_of(state: State, name: str | None) -> Chain:
    """The chain that a request is about; raises Refusal where that is not clear."""
    if state.trouble is not None:
        raise Refusal("unreadable", state.trouble)
    if not state.chains:
        raise Refusal("no_scan", "The store holds no finished scan. Run `bandscan scan` first.")
    if name is None:
        if len(state.chains) > 1:
            names = ", ".join(chain.name for chain in state.chains.values())
            raise Refusal("several_chains", f"Name one with chain=: {names}.")
        return next(iter(state.chains.values()))
    try:
        return state.chains[chain_info(name).chain_id]
    except (UsageError, KeyError):
        names = ", ".join(chain.name for chain in state.chains.values())
        raise Refusal("unknown_chain", f"The store holds scans of {names}.") from None


def readable(chain: Chain, *, incomplete: bool) -> Scan:
    """The scan to answer from; raises Refusal where there is none that may be shown."""
    if chain.trouble is not None:
        raise Refusal("unreadable", chain.trouble, chain_id=chain.chain_id)
    scan = chain.scan
    if scan is None:
        raise Refusal("no_scan", f"There is no finished scan of {chain.name}.")
    if not scan.complete and not incomplete:
        raise Refusal(
            "incomplete",
            "The only scan is incomplete: what was not found may be at risk as well."
            " With incomplete=true you get what was found.",
            chain_id=chain.chain_id,
            scan_id=scan.scan_id,
            block={"number": scan.block, "timestamp": scan.timestamp},
            complete=False,
            reasons=list(scan.reasons),
        )
    return scan


def settled(question: Question, scan: Scan) -> Question:
    """The question with the driver as the scan spells it; raises Refusal for one it has not."""
    asked = question.get("driver")
    if asked is None or asked in scan.drivers:
        return question
    asked = named(asked)
    alike = [name for name in scan.drivers if name.casefold() == asked.casefold()]
    if len(alike) != 1:
        raise Refusal("unknown_driver", "See `drivers` for all it has.", drivers=list(scan.drivers))
    return Question(
        question.name,
        tuple((key, alike[0] if key == "driver" else value) for key, value in question.filters),
    )

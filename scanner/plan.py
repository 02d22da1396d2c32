"""What a scan will ask before it asks it: requests and time, from what the endpoint allows.

The log requests decide: an endpoint that allows ten blocks a request needs 800,000 of them for
eight million blocks. How many it allows is tried with the first range that has to be read, by a few
requests. A plan of more than a day is refused, with what to do instead.
"""

from dataclasses import dataclass

from scanner.chain.connect import Node
from scanner.chain.history import NEAR
from scanner.chain.pinned import Chain
from scanner.errors import EndpointError
from scanner.mirror import market_number
from scanner.opening import Opened, Opening, Request
from scanner.outputs.words import count, duration
from scanner.protocols import key_width
from scanner.store.ledger import Ledger
from scanner.watching import Watch

DAY = 86_400.0  # seconds
TELL = 50  # requests: a shorter plan is not worth a line
WIDE = 10_000  # blocks: a shorter history is not worth trying how many fit
AROUND = 25  # requests for a market's configuration, prices, totals and referee
A_BATCH = 600  # calls that fit one request, as a rule


@dataclass(frozen=True)
class Plan:
    """What is expected of a scan.

    Attributes
    ----------
    blocks : int
        Whose logs have to be read, all markets together.
    span : int
        Blocks that one log request may span.
    logs, accounts, around : int
        Requests: for logs, for accounts that are known already, for everything else.
    seconds : float
        About; accounts that are not known yet come on top.
    first : bool
        Nobody is known yet in some market.
    """

    blocks: int
    span: int
    logs: int
    accounts: int
    around: int
    seconds: float
    first: bool

    @property
    def requests(self) -> int:
        """All of them."""
        return self.logs + self.accounts + self.around

    def __str__(self) -> str:
        text = f"plan: about {count(self.requests, 'request')}, {duration(self.seconds)}"
        if self.logs:
            text += f"; logs of {self.blocks:,} blocks, {self.span:,} in a request"
        return text + ("; accounts that are found come on top" if self.first else "")


def planned(ledger: Ledger, node: Node, here: Opening, seconds_each: float) -> Plan:
    """The plan of a scan at the pinned block; `seconds_each` is what a request took so far."""
    chain, span = here.chain, WIDE
    starts = [_start(ledger, chain, one, here) for one in here.markets]
    blocks = [max(0, chain.block.number + 1 - start) for start in starts]
    if blocks and max(blocks) > WIDE:
        widest = blocks.index(max(blocks))
        one = here.markets[widest]
        wanted = one.adapter.log_filter(one.market, known=False)
        span = chain.widest_logs(wanted.addresses, wanted.topics, starts[widest])
    logs = sum(-(-many // span) for many in blocks if many)
    known = sum(_waiting(ledger, chain, one) for one in here.markets)
    near = sum(-(-min(many, NEAR) // span) for many in blocks)  # where hashes are asked as well
    accounts, around = -(-4 * known // A_BATCH), AROUND * len(here.markets) + 3 * near // 2
    together = max(1, node.concurrency // 2)
    rate = node.client.likely("eth_getLogs").pace.rate
    requests = logs + accounts + around
    seconds = requests / rate if rate else (logs + accounts) * seconds_each / together
    seconds += 0.0 if rate else around * seconds_each
    first = any(ledger.cursor(market_number(ledger, chain, one)) is None for one in here.markets)
    return Plan(sum(blocks), span, logs, accounts, around, seconds, first)


def agreed(plan: Plan, request: Request, watch: Watch) -> None:
    """Tell the plan; refuse one that takes more than a day.

    Raises
    ------
    EndpointError
    """
    if plan.requests >= TELL:
        watch.say(str(plan))
    else:
        watch.step(str(plan), None)
    if plan.seconds <= DAY or request.anyway:
        return
    raise EndpointError(
        f"this scan would need {plan.logs:,} requests for logs, about {duration(plan.seconds)}",
        blocks=f"{plan.blocks:,}, {count(plan.span, 'block')} in a request",
        fix="an endpoint that allows wider log ranges (`bandscan doctor` tells), a list of"
        " borrowers (--accounts), or --anyway",
    )


def _start(ledger: Ledger, chain: Chain, one: Opened, here: Opening) -> int:
    """The first block whose logs will be read; 0 where that has to be found first."""
    number = market_number(ledger, chain, one)
    cursor = ledger.cursor(number)
    if cursor is not None:
        return cursor.block + 1
    row = one.row
    if here.people is not None and getattr(one.adapter, "TOTALS_PROVE", True):
        listed = here.people.of(chain.chain_id, row.protocol, row.name, key_width(one.adapter))
        if listed is not None:
            return 1 + (chain.block.number if listed.through is None else listed.through)
    return row.first_block or 0


def _waiting(ledger: Ledger, chain: Chain, one: Opened) -> int:
    """Accounts that are known and not read yet."""
    return len(ledger.stale(market_number(ledger, chain, one), key_width(one.adapter)))

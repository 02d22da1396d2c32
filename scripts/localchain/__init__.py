"""A local chain with the real lending contracts: the referee of the tests and of the demo.

It shares no code with the scanner, so that both cannot be wrong in the same way.

    packages.py   npm packages: the node (anvil), the compiler, the published contracts
    build.py      contracts ready to deploy, compiled once and cached
    node.py       one anvil process and JSON-RPC to it
    abi.py        calls and reverts, from signatures written as text
    market.py     which reserves there are, with their risk parameters
    deploy.py     the two generations of Aave v3 ("core" = 3.0, "origin" = 3.6)
    account.py    one plain account that acts
    wallets.py    many accounts acting in few transactions
    people.py     random borrowers, and what they do next
    specials.py   one labelled account for each special case
    whales.py     accounts that sit on a stated liquidation price, and the crowd around them
    ledger.py     what was done, written down as it was done
    prices.py     the oracle, and feeds to move
    questions.py  questions to the contracts about many accounts at once
    chain.py      LocalChain, which ties it all together
    cli.py        `python scripts/localchain`
"""

from localchain.abi import MAX, Reverted
from localchain.account import Account
from localchain.chain import LocalChain
from localchain.errors import LocalChainError
from localchain.ledger import Ledger
from localchain.market import FLAVOURS, Token
from localchain.whales import Whale

__all__ = [
    "FLAVOURS",
    "MAX",
    "Account",
    "Ledger",
    "LocalChain",
    "LocalChainError",
    "Reverted",
    "Token",
    "Whale",
]

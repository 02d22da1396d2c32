"""An endpoint of the shape of Ethereum's largest Aave v3 market, made of arrays: no EVM behind it.

It measures what a scan costs (requests, bytes, memory, time) where no archive node is at hand: 67
reserves, 48 e-modes, 25 million blocks, 100,000 borrowers. It says nothing about correctness: what
`getUserAccountData` answers is computed by the scanner's own integers. The real contracts are in
scripts/localchain.

market.py      reserves, e-modes, price feeds
people.py      borrowers, their flags and scaled balances
history.py     their logs
world.py       all of it at the head; what moves
getters.py     what is asked of contracts, a table per block
account_data.py  what the pool says of accounts
contracts.py   all calls answered, those about accounts as columns
calls.py       aggregate3 and tryBlockAndAggregate, as columns
lens.py        the scanner's lens recognised and answered
node.py        the JSON-RPC methods, limits and refusals; the hook for a lens
server.py      HTTP, in a process of its own
endpoint.py    the handle: `with Synthetic() as chain: chain.url`
"""

from synthetic.endpoint import Synthetic
from synthetic.node import Limits, Node, Refused
from synthetic.server import Counts
from synthetic.world import Shape

__all__ = ["Counts", "Limits", "Node", "Refused", "Shape", "Synthetic"]

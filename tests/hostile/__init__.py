"""Faults of public JSON-RPC endpoints, injected between a client and a good node.

with HostileProxy(chain.url, [fault("F10", "seconds"), fault("F01", limit=20)], seed=7) as proxy:
    ...proxy.url, proxy.asked, proxy.struck
"""

from hostile import (  # noqa: F401  (each fills the catalogue)
    faults_calls,
    faults_logs,
    faults_ranges,
    faults_rates,
    faults_shapes,
    faults_wire,
)
from hostile.catalogue import CATALOGUE, NOT_APPLICABLE, Variant, fault
from hostile.fault import Ask, Fault
from hostile.faults_logs import mentions
from hostile.mixture import flip_flop, mixture
from hostile.server import HostileProxy
from hostile.wire import Reply

for _id in sorted(CATALOGUE):  # as in the specification, whatever was imported first
    CATALOGUE[_id] = CATALOGUE.pop(_id)

__all__ = [
    "CATALOGUE",
    "NOT_APPLICABLE",
    "Ask",
    "Fault",
    "HostileProxy",
    "Reply",
    "Variant",
    "fault",
    "flip_flop",
    "mentions",
    "mixture",
]

"""Packages that change the process they are imported into, imported without that."""

import importlib
import sys
from functools import cache
from types import ModuleType


@cache
def imported(name: str) -> ModuleType:
    """`web3` or `multicall`, late, and with the recursion limit as it was.

    py_ecc, which they bring, lets recursion go 100,000 deep in the whole process: an answer of
    nested brackets would then overflow the C stack instead of being refused.
    """
    limit = sys.getrecursionlimit()
    try:
        return importlib.import_module(name)
    finally:
        sys.setrecursionlimit(limit)

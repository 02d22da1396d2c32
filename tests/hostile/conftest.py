"""Chains for the hostile tests, made once."""

from collections.abc import Iterator

import pytest
from localchain.mixed import Mixed

from hostile.chains import mixed_chain, small_chain


@pytest.fixture(scope="session")
def mixed() -> Iterator[Mixed]:
    """Every protocol's real contracts. Leave it as it is, or take it back."""
    with mixed_chain() as made:
        yield made


@pytest.fixture(scope="session")
def small() -> Iterator[Mixed]:
    """Aave alone, two dozen borrowers. Leave it as it is, or take it back."""
    with small_chain() as made:
        yield made

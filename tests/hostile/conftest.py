"""The mixed chain: every protocol's real contracts, a dozen borrowers in each market."""

from collections.abc import Iterator

import pytest
from localchain import LocalChain
from localchain.mixed import Mixed

from hostile.small import small_chain

PEOPLE, SEED = 12, 3


@pytest.fixture(scope="session")
def mixed() -> Iterator[Mixed]:
    """Leave it as it is, or take it back."""
    with LocalChain("origin") as aave:
        aave.populate(PEOPLE, SEED)
        made = Mixed(aave)
        made.populate(PEOPLE, SEED)
        yield made


@pytest.fixture(scope="session")
def small() -> Iterator[Mixed]:
    """Aave alone, two dozen borrowers. Leave it as it is, or take it back."""
    with small_chain() as made:
        yield made

"""Local chains with real contracts, built once per session; see scripts/localchain."""

from collections.abc import Iterator

import pytest
from localchain import FLAVOURS, LocalChain

BORROWERS, SEED = 60, 20260207


def _populated(flavour: str) -> Iterator[LocalChain]:
    with LocalChain(flavour) as chain:
        chain.specials()
        chain.populate(BORROWERS, SEED)
        yield chain


@pytest.fixture(scope="session")
def core_chain() -> Iterator[LocalChain]:
    """Aave v3.0 with every special case and random borrowers. Leave it as it is."""
    yield from _populated("core")


@pytest.fixture(scope="session")
def origin_chain() -> Iterator[LocalChain]:
    """Aave v3.6 with every special case and random borrowers. Leave it as it is."""
    yield from _populated("origin")


@pytest.fixture(params=FLAVOURS)
def flavour_chain(request: pytest.FixtureRequest) -> LocalChain:
    """Both generations in turn. Leave it as it is, or take `movable_chain`."""
    chain: LocalChain = request.getfixturevalue(f"{request.param}_chain")
    return chain


@pytest.fixture
def movable_chain(flavour_chain: LocalChain) -> Iterator[LocalChain]:
    """Both generations in turn, put back as they were after the test."""
    with flavour_chain.undone():
        yield flavour_chain

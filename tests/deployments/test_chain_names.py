"""A chain by its name, alias or id, and what is said when it is none."""

import pytest

from scanner.deployments import chain_info
from scanner.errors import UsageError


@pytest.mark.parametrize("word", ["ethereum", "mainnet", "eth", " Ethereum ", "ETH", "1", 1])
def test_ethereum_has_many_names(word: str | int) -> None:
    info = chain_info(word)
    assert (info.chain_id, info.name) == (1, "ethereum")


@pytest.mark.parametrize("chain", [31337, "31337", "anvil", 1337])
def test_a_local_chain_is_pinned_at_its_head_and_has_no_endpoint(chain: str | int) -> None:
    info = chain_info(chain)
    assert info.lag == 0
    assert info.endpoints == ()


def test_an_unknown_id_is_a_plain_chain() -> None:
    info = chain_info("987654")
    assert (info.chain_id, info.name, info.lag) == (987654, "chain 987654", 5)
    assert info.endpoints == ()
    assert info.multicall3.hex() == "ca11bde05977b3631167028862be2a173976ca11"


def test_a_mistyped_name_gets_near_matches() -> None:
    with pytest.raises(UsageError) as caught:
        chain_info("etherium")
    assert caught.value.exit_code == 2
    assert 'No chain is called "etherium".' in str(caught.value)
    assert "did you mean ethereum" in str(caught.value)
    assert "arbitrum" in str(caught.value)


def test_a_name_like_no_other_is_told_to_give_an_id() -> None:
    with pytest.raises(UsageError, match="give its id, as in --chain 1"):
        chain_info("qqqqqq")


@pytest.mark.parametrize("number", [0, -5, "0", 2**63])
def test_a_number_that_is_no_chain_id_is_refused(number: str | int) -> None:
    with pytest.raises(UsageError, match="is no chain id"):
        chain_info(number)


@pytest.mark.parametrize("word", ["", "²", "٣", "9" * 5000, "0x1"])
def test_odd_words_are_refused_as_names(word: str) -> None:
    with pytest.raises(UsageError, match="No chain is called"):
        chain_info(word)


def test_control_characters_of_a_name_are_not_echoed() -> None:
    with pytest.raises(UsageError) as caught:
        chain_info("\x1b[2Jmain\nnet")
    assert '"?[2Jmain?net"' in str(caught.value)

"""A number's agents share its calls by weight; one call gets the same agent however often it is asked."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import SettingsError
from gateway.ids import AgentId
from gateway.policy.choice import Choice, Share

WEIGHTS = st.lists(st.integers(0, 1000), min_size=1, max_size=6).filter(any)


def shares(*weights: int) -> list[Share]:
    return [Share(AgentId(f"agent{at}"), weight) for at, weight in enumerate(weights)]


@given(WEIGHTS, st.text())
def test_the_same_token_gets_the_same_agent_and_never_one_without_weight(
    weights: list[int], token: str
) -> None:
    agent = Choice(shares(*weights)).agent(token)
    assert agent == Choice(shares(*weights)).agent(token)
    assert weights[int(agent.removeprefix("agent"))] > 0


@pytest.mark.parametrize("weights", [(1, 1), (3, 1), (0, 5, 5), (90, 9, 1), (1,), (1_000_000, 1_000_000)])
def test_calls_are_shared_by_weight(weights: tuple[int, ...]) -> None:
    calls = 20_000
    counts = Counter(Choice(shares(*weights)).agent(f"CA{number:032x}") for number in range(calls))
    for at, weight in enumerate(weights):
        expected = calls * weight / sum(weights)
        deviation = (expected * (1 - weight / sum(weights))) ** 0.5
        assert abs(counts[AgentId(f"agent{at}")] - expected) <= 4 * deviation


def test_a_token_picks_what_it_always_picked() -> None:
    choice = Choice(shares(1, 1, 1))
    assert [choice.agent(token) for token in "abcdef"] == PICKED


PICKED = ["agent2", "agent0", "agent0", "agent0", "agent0", "agent0"]


@pytest.mark.parametrize("weights", [(), (0,), (0, 0), (-1, 2), (1_000_001,)])
def test_weights_are_in_range_and_not_all_nothing(weights: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError):
        Choice(shares(*weights))

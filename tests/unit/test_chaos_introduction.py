"""Whose call a session of the chaos kit is for."""

import pytest

from gateway.emulators.chaos.introduction import _PROMPT, caller_of, carries_on
from gateway.emulators.vatel.records import TokenRequest
from gateway.policy.template import Template
from gateway.policy.values import Values, caller_values

CALLER = "+14155560012"
TOLD = Template.parse(_PROMPT).prompt(Values({}, {}, {}, caller_values(CALLER, "", "", ""))).text


@pytest.mark.parametrize(
    ("asked", "caller", "carried_on"),
    [
        (TokenRequest(agent_id="a"), None, False),
        (TokenRequest(agent_id="a", prompt=TOLD), CALLER, False),
        (TokenRequest(agent_id="a", prompt=TOLD + "\n\nThe caller said: hello."), CALLER, True),
        (TokenRequest(agent_id="a", prompt=TOLD, first_message="Sorry about that."), CALLER, True),
        (TokenRequest(agent_id="a", prompt="What was said: hello."), None, True),
    ],
)
def test_a_session_says_who_is_calling_and_whether_it_carries_on(
    asked: TokenRequest, caller: str | None, carried_on: bool
) -> None:
    assert (caller_of(asked), carries_on(asked)) == (caller, carried_on)

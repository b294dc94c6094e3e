"""Whose call a session is for: agents of the kit's own gateways are told who is calling."""

import re
from typing import Final
from urllib.parse import quote

import httpx

from gateway.emulators.chaos.node import Node, NodeFailed
from gateway.emulators.vatel.records import TokenRequest

_PROMPT: Final = "You are on the telephone with {{caller_number}}."
_TOLD: Final = re.compile(r'You are on the telephone with <value>"(\+\d+)"</value>\.')
_ASK_S: Final = 20.0


async def introduce(node: Node, key: str, number: str) -> None:
    """Have a gateway tell the agents of a number who is calling.

    Raises:
        NodeFailed: It would not.

    """
    async with httpx.AsyncClient(base_url=node.url, trust_env=False, timeout=_ASK_S) as http:
        try:
            answer = await http.put(
                f"/v1/numbers/{quote(number)}/route",
                json={"prompt": _PROMPT},
                headers={"Authorization": f"Bearer {key}"},
            )
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise NodeFailed(f"{node.name} does not take a route: {error}") from error


def caller_of(asked: TokenRequest) -> str | None:
    """Who is calling, as a session is told; ``None`` if it is not."""
    found = _TOLD.search(asked.prompt or "")
    return found and found[1]


def carries_on(asked: TokenRequest) -> bool:
    """Whether a session is told of something that was said before."""
    prompt = asked.prompt or ""
    found = _TOLD.search(prompt)
    return bool(asked.first_message or prompt[found.end() if found else 0 :].strip())

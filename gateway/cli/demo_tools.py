"""The tool of the demonstration: what a user's own module for ``GATEWAY_TOOLS`` looks like."""

import asyncio
import re
from typing import Final

from gateway.calls.toolbox import tool

_LOOKUP_S: Final = 0.25
"""A database takes its time; the call goes on meanwhile."""


@tool
async def lookup_order(order: str) -> dict[str, str]:
    """Find an order by the code the caller keyed in."""
    await asyncio.sleep(_LOOKUP_S)
    if not re.search(r"\d{3}", order):
        return {"status": "not found"}
    return {"status": "on its way", "arrives": "tomorrow"}

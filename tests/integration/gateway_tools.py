"""Tools of a user, as GATEWAY_TOOLS names them."""

import asyncio
import time

from gateway.calls.toolbox import ToolContext, tool


@tool
async def add(first: int, second: int, context: ToolContext) -> dict[str, object]:
    """What a tool in a coroutine knows."""
    return {"sum": first + second, "call": context.call_id}


@tool(name="slow_add", timeout_s=0.2)
def slow(first: int, second: int) -> int:
    """A plain function, too slow."""
    time.sleep(0.4)
    return first + second


@tool
async def echo(code: str) -> dict[str, object]:
    """A tool that repeats what it was given."""
    return {"code": code}


@tool
async def wait(seconds: float) -> str:
    """A tool that takes its time."""
    await asyncio.sleep(seconds)
    return "waited"


@tool
def broken() -> None:
    """A tool with a bug."""
    raise RuntimeError("secret-of-the-tool")

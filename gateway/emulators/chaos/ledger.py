"""What a gateway has on record of the calls it carried: each has one ending, and a cause that is named."""

import asyncio
import re
from collections.abc import Collection
from typing import Final

import httpx

_ASK_S: Final = 5.0
_WRITTEN_S: Final = 15.0
"""Records are written in batches, and wait while the database is locked."""
_LOOK_S: Final = 0.25
_PAGE: Final = 200
_ENDED: Final = re.compile(
    r'^vatel_gateway_calls_ended_total\{[^}]*ending="(\w+)"[^}]*\} ([0-9.e+]+)', re.MULTILINE
)
_PASSED_ON: Final = frozenset({"handed_over", "taken_over"})
UNRECORDED: Final = "no record"


async def endings(url: str, key: str, call_sids: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Ask a gateway how calls that are over ended.

    Args:
        url: Where it is.
        key: To its API.
        call_sids: Of the calls.

    Returns:
        The ending of each, and what is wrong with the records.

    """
    rows: dict[str, list[str | None]] = {}
    for _ in range(round(_WRITTEN_S / _LOOK_S)):
        rows = await _rows(url, key, call_sids)
        if len(rows) == len(call_sids) and all(None not in found for found in rows.values()):
            break
        await asyncio.sleep(_LOOK_S)
    known = {sid: ", ".join(each or "none" for each in found) for sid, found in rows.items()}
    troubles = [f"{len(found)} endings: {known[sid]}" for sid, found in rows.items() if len(found) != 1]
    troubles += ["no ending in the records" for found in rows.values() if None in found]
    return {sid: known.get(sid, UNRECORDED) for sid in call_sids}, troubles


async def _rows(url: str, key: str, call_sids: Collection[str]) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = {}
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=_ASK_S) as http:
        try:
            answer = await http.get(
                "/v1/calls", params={"limit": _PAGE}, headers={"Authorization": f"Bearer {key}"}
            )
            answer.raise_for_status()
        except httpx.HTTPError:
            return found
    for row in answer.json()["calls"]:
        if row["call_sid"] in call_sids:
            found.setdefault(row["call_sid"], []).append(row["ending"])
    return found


async def counted(url: str) -> int:
    """How many endings a gateway has counted since it was started, but for calls that others went on with."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=_ASK_S) as http:
        text = (await http.get("/metrics")).text
    return round(sum(float(count) for name, count in _ENDED.findall(text) if name not in _PASSED_ON))


async def gauge(url: str, name: str) -> float:
    """One of a gateway's figures that has no labels; not a number if it has none of that name."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=_ASK_S) as http:
        text = (await http.get("/metrics")).text
    line = next((line for line in text.splitlines() if line.startswith(f"{name} ")), " nan")
    return float(line.split()[-1])

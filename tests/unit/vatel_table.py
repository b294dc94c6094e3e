"""The table of Vatel's operations, and samples of what it describes."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[1] / "golden" / "vatel_operations.toml"
_TABLE = tomllib.loads(PATH.read_text(encoding="utf-8"))
ID = "6f1d2c3b-4a59-4e68-8777-8695a4b3c2d1"
_CHOSEN: dict[str, object] = {
    "status": "active",
    "default_language": "en",
    "pbx": "generic",
    "inbound_auth_type": "digest",
    "transport": "webrtc",
    "timeout_action": "end_call",
    "silence_timeout_action": "transfer_call",
}
"""Values of fields that take some texts only."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field: what it holds, whether as a list, always, or null."""

    kind: str
    many: bool
    required: bool
    nullable: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """A row of the table."""

    name: str
    method: str
    path: str
    query: dict[str, Field]
    body: str
    answer: str
    status: int
    refusals: tuple[int, ...]

    @property
    def target(self) -> str:
        """The path with an id in each gap."""
        return self.path.replace("{id}", ID).replace("{versionId}", ID).replace("{assignmentId}", ID)


def field(spec: str) -> Field:
    bare = spec.rstrip("!?")
    return Field(bare.strip("[]"), bare.startswith("["), "!" in spec, "?" in spec)


def _operation(name: str, row: dict[str, Any]) -> Operation:
    method, _, path = row["request"].partition(" ")
    query = {key: field(spec) for key, spec in row.get("query", {}).items()}
    body, answer = row.get("body", ""), row.get("answer", "")
    return Operation(name, method, path, query, body, answer, row["status"], tuple(row["refusals"]))


SHAPES: dict[str, dict[str, Field]] = {
    name: {key: field(spec) for key, spec in fields.items()} for name, fields in _TABLE["shapes"].items()
}
OPERATIONS = {name: _operation(name, row) for name, row in _TABLE["operations"].items()}


def sample(spec: str, name: str = "", *, required_only: bool = False) -> Any:
    """A value of this kind, every field of it another than its default."""
    described = field(spec)
    if described.many:
        return [sample(described.kind, name, required_only=required_only)]
    if described.kind in SHAPES:
        return {
            key: sample(f"[{each.kind}]" if each.many else each.kind, key, required_only=required_only)
            for key, each in SHAPES[described.kind].items()
            if each.required or not required_only
        }
    plain: dict[str, object] = {
        "text": _CHOSEN.get(name, f"some {name}"),
        "number": 1.5,
        "integer": 7,
        "flag": True,
        "object": {"inner": None},
        "any": [{"inner": None}],
    }
    return plain[described.kind]

"""Rules of the house that no linter knows: sizes, tasks with an owner, and nothing left undescribed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.settings import HttpTool, Settings

ROOT = Path(__file__).parents[2]
FILES = {str(path.relative_to(ROOT)): path for path in sorted((ROOT / "gateway").rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}
LONGEST_FILE = 350
LONGEST_FUNCTION = 50
UNOWNED_TASKS = {
    "gateway/web/socket_protocol.py": "uvicorn keeps a server's tasks in a set and awaits them",
    "gateway/clients/agent_socket.py": "takes the error picows keeps of a lost connection; waits for no peer",
}
"""Where a task may begin outside a TaskGroup, and why."""
WALL_CLOCKS = {
    "gateway/calls/scribe.py": "the time of day in a call's record, read once and reckoned on from there",
    "gateway/calls/toolbox.py": "the time in a signature",
    "gateway/clients/certificate.py": "when a certificate expires",
    "gateway/services/afterwards.py": "what is over for so long that Twilio and Vatel know its cost",
    "gateway/services/deliveries.py": "when an event is tried again, which outlives the process",
    "gateway/services/dial_means.py": "when a call may be placed, which outlives the process",
    "gateway/services/dial_tell.py": "the time of an event",
    "gateway/services/lookup.py": "the time in a signature",
    "gateway/services/numbers.py": "when a row was changed",
    "gateway/services/succession.py": "how long a lease lasts, which other processes read",
    "gateway/store/calls.py": "when a row was made",
    "gateway/store/delivery.py": "when a row was changed",
    "gateway/store/identifiers.py": "the time in an identifier",
    "gateway/store/leases.py": "how long a lease lasts, which other processes read",
    "gateway/web/api/door.py": "when a key was used",
}
"""Where the time of day is read, and why; commands and emulators may. It jumps: no wait goes by it."""
FILE = pytest.mark.parametrize("name", FILES)


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def groups(tree: ast.Module) -> set[str]:
    """What a file calls its TaskGroups: names bound by ``async with``, annotated as one, or assigned one."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.withitem(context_expr=made, optional_vars=ast.expr() as target):
                found |= _named(made, target)
            case ast.AnnAssign(annotation=made, target=target):
                found |= _named(made, target)
            case ast.arg(annotation=ast.expr() as made, arg=name):
                found |= _named(made, ast.Name(name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and (
            ast.unparse(node.value) in found or "TaskGroup" in ast.unparse(node.value)
        ):
            found |= {ast.unparse(target) for target in node.targets}
    return found


def _named(made: ast.expr, target: ast.expr) -> set[str]:
    return {ast.unparse(target)} if "TaskGroup" in ast.unparse(made) else set()


def unowned_tasks(tree: ast.Module) -> list[str]:
    """Calls that begin a task nobody is bound to await."""
    owners = groups(tree)
    # An attribute is known by its last name: ``call.tasks`` is the ``tasks`` of another class.
    attributes = {owner.rpartition(".")[2] for owner in owners}
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="create_task" | "ensure_future")):
                found.append(ast.unparse(node.func))
            case ast.Call(func=ast.Attribute(value=owner, attr="create_task" | "ensure_future")):
                name = ast.unparse(owner)
                if name not in owners and not (name.rpartition(".")[2] in attributes and "." in name):
                    found.append(ast.unparse(node.func))
    return found


def wall_clocks(tree: ast.Module) -> list[str]:
    """Where a file reads the time of day."""
    read = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
    attributes = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return [name for name in attributes if name.removeprefix("datetime.") in read or name in read]


@FILE
def test_no_wait_is_measured_by_a_clock_that_can_jump(name: str) -> None:
    if not name.startswith(("gateway/emulators/", "gateway/cli/")) and name not in WALL_CLOCKS:
        assert wall_clocks(TREES[name]) == []


@pytest.mark.parametrize("name", WALL_CLOCKS)
def test_wall_clocks_are_still_read(name: str) -> None:
    assert wall_clocks(TREES[name])


@FILE
def test_files_are_short(name: str) -> None:
    assert len(FILES[name].read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@FILE
def test_functions_are_short(name: str) -> None:
    long = [
        f"{each.name}: {length} lines"
        for each in functions(TREES[name])
        if (length := (each.end_lineno or 0) - each.lineno + 1) > LONGEST_FUNCTION
    ]
    assert long == []


@FILE
def test_modules_say_what_they_are(name: str) -> None:
    first = (ast.get_docstring(TREES[name]) or "").partition("\n")[0]
    assert first.endswith((".", ":", ",")) or len(first) > 60


@FILE
def test_every_task_has_an_owner(name: str) -> None:
    if name not in UNOWNED_TASKS:
        assert unowned_tasks(TREES[name]) == []


@pytest.mark.parametrize("name", UNOWNED_TASKS)
def test_exceptions_are_still_needed(name: str) -> None:
    assert unowned_tasks(TREES[name])


@pytest.mark.parametrize(
    ("source", "unowned"),
    [
        ("asyncio.create_task(f())", ["asyncio.create_task"]),
        ("create_task(f())", ["create_task"]),
        ("asyncio.ensure_future(f())", ["asyncio.ensure_future"]),
        ("self._loop.create_task(f())", ["self._loop.create_task"]),
        ("asyncio.get_running_loop().create_task(f())", ["asyncio.get_running_loop().create_task"]),
        ("async def f():\n async with asyncio.TaskGroup() as group:\n  group.create_task(f())", []),
        ("async def f():\n async with asyncio.TaskGroup() as self._g:\n  self._g.create_task(f())", []),
        ("def f(tasks: asyncio.TaskGroup):\n tasks.create_task(f())", []),
        ("def f(self, tasks: TaskGroup):\n self._tasks = tasks\n self._tasks.create_task(f())", []),
        ("def f(self):\n self._tasks = TaskGroup()\n self._tasks.create_task(f())", []),
        ("def f(self, loop):\n self._loop = loop\n self._loop.create_task(f())", ["self._loop.create_task"]),
    ],
)
def test_a_task_without_an_owner_is_found(source: str, unowned: list[str]) -> None:
    assert unowned_tasks(ast.parse(source)) == unowned


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described_and_stands_in_the_reference(name: str) -> None:
    assert (Settings.model_fields[name].description or "").endswith((".", "..."))
    page = ROOT / "docs" / "reference" / "settings.md"
    if page.exists():
        assert f"`{name.upper()}`" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", HttpTool.model_fields)
def test_every_key_of_a_tool_is_described(name: str) -> None:
    assert HttpTool.model_fields[name].description

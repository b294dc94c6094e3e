"""Writes the reference pages that can be read off the program: ``python docs/generate.py [--check]``."""

import sys
from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from gateway.cli.main import assemble
from gateway.settings import HttpTool, Settings
from gateway.store import describe

REFERENCE = Path(__file__).parent / "reference"
MADE = "<!-- Made by docs/generate.py from the program itself: change the program, then run it. -->\n"


def settings_page() -> str:
    """Every setting, from the class that reads them."""
    lines = [
        MADE,
        "# Settings\n",
        "Read once at start, from the environment and from a file `.env` in the working directory; the",
        "environment wins. A missing or wrong one is named in one line, and the exit code is 2.\n",
        "| setting | default | what it is |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "**required**" if field.default is PydanticUndefined else _value(field.default)
        lines.append(f"| `{name.upper()}` | {default} | {field.description} |")
    lines += [
        "\n## The file `GATEWAY_CONFIG` names\n",
        "TOML, with a table `[tools.NAME]` for each HTTP tool:\n",
        "| key | default | what it is |",
        "|---|---|---|",
    ]
    for name, field in HttpTool.model_fields.items():
        default = "**required**" if field.default is PydanticUndefined else _value(field.default)
        lines.append(f"| `{name}` | {default} | {field.description} |")
    lines.append("\n[How to write a tool](../how-to/write-a-tool.md) shows one at work.")
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if value is None or value == () or isinstance(value, SecretStr):
        return "none"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def commands_page() -> str:
    """Every command and option, from the program's own help."""
    group: Any = typer.main.get_command(assemble())
    lines = [
        MADE,
        "# Commands\n",
        "`vatel-gateway COMMAND` and `python -m gateway COMMAND` are the same. Exit codes: 0 done, 1 it",
        "failed, 2 a setting or an option is wrong.\n",
    ]
    for name, command in sorted(group.commands.items()):
        lines += _command(f"vatel-gateway {name}", command)
    return "\n".join(lines)


def _command(name: str, command: Any) -> list[str]:
    subcommands = getattr(command, "commands", {})
    lines = [f"## {name}\n", " ".join((command.help or "").split()) + "\n"]
    for sub, subcommand in sorted(subcommands.items()):
        lines += [
            f"#{line}" if line.startswith("## ") else line for line in _command(f"{name} {sub}", subcommand)
        ]
    rows = [row for parameter in command.params if (row := _parameter(parameter))]
    if rows and not subcommands:
        lines += ["| option | default | what it does |", "|---|---|---|", *rows, ""]
    return lines


def _parameter(parameter: object) -> str:
    options = list(getattr(parameter, "opts", []))
    if "--help" in options:
        return ""
    text = " ".join((getattr(parameter, "help", None) or "").split())
    shown = ", ".join(f"`{option}`" for option in options)
    default = getattr(parameter, "default", None)
    plain = default in (None, False, "") or callable(default) or "Sentinel" in type(default).__name__
    return f"| {shown} | {'' if plain else f'`{default}`'} | {text} |"


PAGES = {"settings.md": settings_page, "commands.md": commands_page, "store.md": describe.page}


def stale() -> list[str]:
    """The pages that no longer say what the program does."""
    return [
        name
        for name, make in PAGES.items()
        if not (REFERENCE / name).exists() or (REFERENCE / name).read_text(encoding="utf-8") != make()
    ]


def main() -> None:
    """Write the pages, or with ``--check`` tell which are stale."""
    if "--check" in sys.argv[1:]:
        pages = stale()
        sys.exit(f"stale: {', '.join(pages)}; run python docs/generate.py" if pages else 0)
    for name, make in PAGES.items():
        (REFERENCE / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()

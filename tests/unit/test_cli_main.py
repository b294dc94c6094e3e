"""The command line as a whole: its commands, and what it imports for one of them."""

import subprocess
import sys

from typer.testing import CliRunner

from gateway.cli.main import COMMANDS, assemble


def test_the_help_names_every_command() -> None:
    shown = CliRunner().invoke(assemble(), ["--help"], terminal_width=80)
    assert [name for name in COMMANDS if f" {name} " not in shown.output] == []


def test_a_command_that_is_alone_is_called_by_its_name_all_the_same() -> None:
    shown = CliRunner().invoke(assemble(["keys"]), ["keys", "--help"], terminal_width=80)
    assert shown.exit_code == 0
    assert "Make, list and take back API keys." in shown.output


def test_a_command_that_asks_a_gateway_waits_for_no_database_or_sound_to_be_imported() -> None:
    program = (
        "import sys; from gateway.cli.main import assemble; assemble(['numbers']);"
        "print(sorted({'sqlalchemy', 'numpy', 'twilio', 'uvicorn', 'alembic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

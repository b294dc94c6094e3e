"""Reads the settings, and says what is wrong with them."""

import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.errors import SettingsError
from gateway.settings.config import GatewayConfig, HttpTool
from gateway.settings.forms import ACCOUNT_SID, API_KEY, MODULE, TOOL_NAME
from gateway.settings.model import Settings

_WORDS: Final = {
    "missing": "is missing",
    "too_short": "is empty",
    "string_too_short": "is empty",
    "string_too_long": "is longer than {max_length} characters",
    "string_type": "must be text in quotes",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be {ge:g} or more",
    "less_than_equal": "must be {le:g} or less",
    "literal_error": "must be {expected}",
    "extra_forbidden": "is not known here",
    "dict_type": "must be a table",
    "model_type": "must be a table",
}
"""What pydantic finds wrong, for somebody who has never heard of it."""
_FORMS: Final = {
    ACCOUNT_SID: "must be AC and 32 hexadecimal digits in lower case",
    API_KEY: "must be SK and 32 hexadecimal digits in lower case",
    MODULE: "must be the name of a Python module, such as my_tools",
    TOOL_NAME: "must be a name of at most 64 letters, digits, _ and -, beginning with a letter",
}


def load(**overrides: Any) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: one or more are missing or wrong; the message has a line for each.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(_lines(error, Settings))) from None
    except (OSError, UnicodeError) as error:
        raise SettingsError(f".env can't be read as UTF-8 text: {_reason(error)}") from None


def load_config(path: Path | None) -> GatewayConfig:
    """Read the TOML file.

    Raises:
        SettingsError: it can't be read, or something in it is wrong.
    """
    if path is None:
        return GatewayConfig()
    try:
        return GatewayConfig.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise SettingsError(f"GATEWAY_CONFIG: {path} can't be read: {_reason(error)}") from None
    except (tomllib.TOMLDecodeError, UnicodeError) as error:
        raise SettingsError(f"GATEWAY_CONFIG: {path} is not TOML: {_reason(error)}") from None
    except ValidationError as error:
        lines = [f"GATEWAY_CONFIG: {path}: {line}" for line in _lines(error, HttpTool)]
        raise SettingsError("\n".join(lines)) from None


def _reason(error: OSError | ValueError) -> str:
    return error.strerror or "unknown reason" if isinstance(error, OSError) else str(error)


def _lines(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One line for each setting that is wrong, naming it; never its value, which may be a secret."""
    lines = []
    for item in error.errors(include_url=False, include_input=False):
        names = [str(part) for part in item["loc"] if part != "[key]"]
        field = model.model_fields.get(names[-1]) if names else None
        name = ".".join(names)
        problem = _problem(item)
        if model is Settings:
            name = name.upper()
            problem += ". Set it in the environment or in .env" if item["type"] == "missing" else ""
        hint = f" {field.description}" if field and field.description else ""
        lines.append(f"{name}: {problem}.{hint}" if name else f"{problem}.")
    return lines


def _problem(item: ErrorDetails) -> str:
    context = item.get("ctx", {})
    if item["type"] == "string_pattern_mismatch":
        return _FORMS[context["pattern"]]
    if item["type"] in _WORDS:
        return _WORDS[item["type"]].format(**context)
    return item["msg"].removeprefix("Value error, ")

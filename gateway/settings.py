"""The settings: read once from the environment, ``.env`` and the TOML file, then frozen."""

import base64
import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import SplitResult, urlsplit

import phonenumbers
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticUseDefault
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway.errors import SettingsError

_ACCOUNT_SID: Final = r"^AC[0-9a-f]{32}$"
_API_KEY: Final = r"^SK[0-9a-f]{32}$"
_MODULE: Final = r"^[A-Za-z_][\w.]*$"
_TOOL_NAME: Final = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
_LONGEST_ADDRESS: Final = 500
_EXAMPLE: Final = "must be an address such as https://gateway.example.com"
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
    _ACCOUNT_SID: "must be AC and 32 hexadecimal digits in lower case",
    _API_KEY: "must be SK and 32 hexadecimal digits in lower case",
    _MODULE: "must be the name of a Python module, such as my_tools",
    _TOOL_NAME: "must be a name of at most 64 letters, digits, _ and -, beginning with a letter",
}


class HttpTool(BaseModel):
    """A tool behind an HTTP endpoint: ``[tools.NAME]`` in the file ``GATEWAY_CONFIG`` names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="Where the call is posted to: https, or http on this machine.")
    timeout_s: float = Field(default=10.0, gt=0, le=60, description="How long the agent waits for it.")
    secret: SecretStr = Field(description="Signs the requests, in the form of Standard Webhooks: whsec_...")

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        return _address(value.strip()).geturl()

    @field_validator("secret")
    @classmethod
    def _check_secret(cls, value: SecretStr) -> SecretStr:
        head, _, key = value.get_secret_value().partition("_")
        try:
            usable = head == "whsec" and base64.b64decode(key + "=" * (-len(key) % 4), validate=True)
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("must be whsec_ and base64, made by: echo whsec_$(openssl rand -base64 32)")
        return value


class GatewayConfig(BaseModel):
    """The TOML file ``GATEWAY_CONFIG`` names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tools: dict[Annotated[str, Field(pattern=_TOOL_NAME)], HttpTool] = {}


class Settings(BaseSettings):
    """Every setting of the gateway. The names of the environment variables are these, in capitals."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8-sig", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    public_url: str = Field(description="The address at which Twilio reaches this gateway: https://...")
    host: str = Field(default="0.0.0.0", description="The address to listen on.")  # noqa: S104 - a server's default
    port: int = Field(default=8080, ge=0, le=65535, description="The port to listen on.")

    vatel_api_key: SecretStr = Field(min_length=1, description="The organization's API key at Vatel.")
    vatel_agent_id: str = Field(min_length=1, max_length=100, description="The agent that answers.")
    vatel_base_url: str = Field(default="https://api.vatel.ai", description="Vatel's address.")

    twilio_account_sid: str = Field(
        pattern=_ACCOUNT_SID, description="The account that owns the numbers: AC..."
    )
    twilio_auth_token: SecretStr = Field(
        min_length=1, description="The account's auth token, which signs Twilio's requests."
    )
    twilio_auth_token_secondary: SecretStr | None = Field(
        default=None, description="A second token to accept signatures of, while tokens are rotated."
    )
    twilio_api_key: str | None = Field(
        default=None, pattern=_API_KEY, description="An API key for requests to Twilio: SK..."
    )
    twilio_api_secret: SecretStr | None = Field(default=None, description="The secret of that API key.")
    twilio_base_url: str = Field(default="https://api.twilio.com", description="Twilio's address.")
    twilio_phone_number: str | None = Field(
        default=None, description="The number callers dial; `check` looks at its webhook."
    )

    fallback_number: str | None = Field(
        default=None, description="The person callers are connected to when no agent can be had."
    )
    transfer_numbers: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Numbers the agent may transfer to, with commas; default FALLBACK_NUMBER."
    )
    fallback_sentence: str = Field(
        default="One moment please, I am connecting you.",
        max_length=500,
        description="What callers hear before they are connected to FALLBACK_NUMBER.",
    )
    apology: str = Field(
        default="We are sorry, nobody can take your call right now. Please try again later. Goodbye.",
        max_length=500,
        description="What callers hear when nobody can be had.",
    )

    gateway_config: Path | None = Field(default=None, description="A TOML file with HTTP tools.")
    gateway_tools: str | None = Field(
        default=None, pattern=_MODULE, description="A Python module with tools."
    )
    playout_lead_ms: int = Field(
        default=1000, ge=100, le=10_000, description="Agent audio sent ahead of what the caller has heard."
    )
    drain_timeout: float = Field(
        default=900.0, ge=0, le=14_400, description="Seconds calls may run on after SIGTERM."
    )
    max_calls: int = Field(default=200, ge=1, le=10_000, description="Calls at once; more fall back.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important lines to log."
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="One JSON object a line, or text."
    )

    @field_validator("*", mode="before")
    @classmethod
    def _strip(cls, value: object, info: ValidationInfo) -> object:
        """Blanks round a value are nobody's wish, and a blank value is one left out."""
        if not isinstance(value, str):
            return value
        if not value.strip() and info.field_name and not cls.model_fields[info.field_name].is_required():
            raise PydanticUseDefault
        return value.strip()

    @field_validator("vatel_api_key", "twilio_auth_token", "twilio_auth_token_secondary", "twilio_api_secret")
    @classmethod
    def _check_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not _plain(value.get_secret_value()):
            raise ValueError("must be plain ASCII without spaces or line breaks: copy it again")
        return value

    @field_validator("public_url", "vatel_base_url", "twilio_base_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        return web_address(value)

    @field_validator("twilio_phone_number", "fallback_number")
    @classmethod
    def _check_number(cls, value: str | None) -> str | None:
        return telephone_number(value) if value else None

    @field_validator("transfer_numbers", mode="before")
    @classmethod
    def _split_numbers(cls, value: object) -> object:
        if isinstance(value, str):
            value = [part for part in value.split(",") if part.strip()]
        if not isinstance(value, list | tuple):
            return value
        try:
            return tuple(telephone_number(str(item)) for item in value)
        except ValueError as error:
            raise ValueError(f"each of them {error}") from None

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_api_key(self) -> "Settings":
        if (self.twilio_api_key is None) != (self.twilio_api_secret is None):
            raise ValueError("TWILIO_API_KEY and TWILIO_API_SECRET go together: set both or neither")
        return self

    @property
    def allowed_transfers(self) -> tuple[str, ...]:
        """The numbers the agent may transfer to."""
        return self.transfer_numbers or ((self.fallback_number,) if self.fallback_number else ())


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


def web_address(value: str) -> str:
    """Check a base address: https, or http on this machine; no user, query or fragment."""
    parts = _address(value.strip())
    if "?" in value:
        raise ValueError("must have no query")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _address(value: str) -> SplitResult:
    """Take an address apart that can be asked as it stands."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0
    except ValueError:
        usable = None
    if not usable or not _plain(value) or parts.netloc.endswith(":"):
        raise ValueError(_EXAMPLE)
    if "@" in parts.netloc or "#" in value:
        raise ValueError("must have no user name and no fragment")
    if parts.scheme == "http" and not _loopback(parts.hostname or ""):
        raise ValueError("must begin with https:// (http:// is for this machine alone)")
    if len(value) > _LONGEST_ADDRESS:
        raise ValueError(f"is longer than {_LONGEST_ADDRESS} characters")
    return parts


def _plain(value: str) -> bool:
    """Whether a value can stand in the head of a request."""
    return value.isascii() and value.isprintable() and " " not in value


def telephone_number(value: str) -> str:
    """Check a telephone number in international form, such as +14155550100."""
    try:
        number = phonenumbers.parse(value.strip())
    except phonenumbers.NumberParseException:
        raise ValueError("must be a telephone number such as +14155550100") from None
    if number.extension or not phonenumbers.is_possible_number(number):
        raise ValueError("must be a possible telephone number, without extension")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


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

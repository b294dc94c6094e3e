"""The settings: read once from the environment, ``.env`` and the TOML file, then frozen."""

import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import phonenumbers
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway.errors import SettingsError


class HttpTool(BaseModel):
    """A tool behind an HTTP endpoint: ``[tools.NAME]`` in the file ``GATEWAY_CONFIG`` names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="Where the call is posted to: https, or http on this machine.")
    timeout_s: float = Field(default=10.0, gt=0, le=60, description="How long the agent waits for it.")
    secret: SecretStr = Field(description="Signs the requests, in the form of Standard Webhooks: whsec_...")

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        return web_address(value)


class GatewayConfig(BaseModel):
    """The TOML file ``GATEWAY_CONFIG`` names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tools: dict[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")], HttpTool] = {}


class Settings(BaseSettings):
    """Every setting of the gateway. The names of the environment variables are these, in capitals."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, frozen=True, extra="ignore")

    public_url: str = Field(description="The address at which Twilio reaches this gateway: https://...")
    host: str = Field(default="0.0.0.0", description="The address to listen on.")  # noqa: S104 - a server's default
    port: int = Field(default=8080, ge=0, le=65535, description="The port to listen on.")

    vatel_api_key: SecretStr = Field(min_length=1, description="The organization's API key at Vatel.")
    vatel_agent_id: str = Field(min_length=1, max_length=100, description="The agent that answers.")
    vatel_base_url: str = Field(default="https://api.vatel.ai", description="Vatel's address.")

    twilio_account_sid: str = Field(
        pattern=r"^AC[0-9a-f]{32}$", description="The account that owns the numbers: AC..."
    )
    twilio_auth_token: SecretStr = Field(
        min_length=1, description="The account's auth token, which signs Twilio's requests."
    )
    twilio_auth_token_secondary: SecretStr | None = Field(
        default=None, description="A second token to accept signatures of, while tokens are rotated."
    )
    twilio_api_key: str | None = Field(
        default=None, pattern=r"^SK[0-9a-f]{32}$", description="An API key for requests to Twilio: SK..."
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
        default=None, pattern=r"^[A-Za-z_][\w.]*$", description="A Python module with tools."
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
            value = [part.strip() for part in value.split(",") if part.strip()]
        return (
            tuple(telephone_number(str(item)) for item in value) if isinstance(value, list | tuple) else value
        )

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_api_key(self) -> "Settings":
        if (self.twilio_api_key is None) != (self.twilio_api_secret is None):
            raise ValueError("TWILIO_API_KEY and TWILIO_API_SECRET go together")
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
        raise SettingsError("\n".join(_lines(error))) from None


def load_config(path: Path | None) -> GatewayConfig:
    """Read the TOML file.

    Raises:
        SettingsError: it can't be read, or something in it is wrong.
    """
    if path is None:
        return GatewayConfig()
    try:
        return GatewayConfig.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"GATEWAY_CONFIG: {path} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"GATEWAY_CONFIG: {path} is not TOML: {error}") from None
    except ValidationError as error:
        lines = [f"GATEWAY_CONFIG: {path}: {line}" for line in _lines(error, capitals=False)]
        raise SettingsError("\n".join(lines)) from None


def web_address(value: str) -> str:
    """Check a base address: https, or http on this machine; no user, query or fragment."""
    parts = urlsplit(value.strip())
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("must be an address such as https://gateway.example.com")
    if parts.username or parts.query or parts.fragment:
        raise ValueError("must have no user name, query or fragment")
    if parts.scheme == "http" and not _loopback(parts.hostname):
        raise ValueError("must begin with https:// (http:// is for this machine alone)")
    return value.strip().rstrip("/")


def telephone_number(value: str) -> str:
    """Check a telephone number in international form, such as +14155550100."""
    try:
        number = phonenumbers.parse(value.strip())
    except phonenumbers.NumberParseException:
        raise ValueError("must be a telephone number such as +14155550100") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError("is no possible telephone number")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _lines(error: ValidationError, *, capitals: bool = True) -> list[str]:
    """One line for each setting that is wrong, naming it; never its value, which may be a secret."""
    lines = []
    for item in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in item["loc"])
        name = name.upper() if capitals else name
        problem = "is missing" if item["type"] == "missing" else item["msg"].removeprefix("Value error, ")
        hint = (
            Settings.model_fields[name.lower()].description if name.lower() in Settings.model_fields else ""
        )
        lines.append(f"{name}: {problem}." + (f" {hint}" if hint else "") if name else f"{problem}.")
    return lines

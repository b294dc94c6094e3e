"""The settings and their defaults. ``docs/reference/settings.md`` is read off here."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticUseDefault
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway.settings.forms import (
    ACCOUNT_SID,
    API_KEY,
    MODULE,
    full_address,
    ip_number,
    plain,
    signing_secret,
    telephone_number,
    web_address,
)


class Settings(BaseSettings):
    """Every setting of the gateway. The names of the environment variables are these, in capitals."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8-sig", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    public_url: str = Field(description="The address at which Twilio reaches this gateway: https://...")
    node_url: str | None = Field(
        default=None,
        description="The address of this process alone, where several share PUBLIC_URL; default PUBLIC_URL.",
    )
    resume: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Whether calls of a process that is gone go on with another: auto is on with PostgreSQL.",
    )
    host: str = Field(default="0.0.0.0", description="The address to listen on.")  # noqa: S104 - a server's default
    port: int = Field(default=8080, ge=0, le=65535, description="The port to listen on.")

    vatel_api_key: SecretStr = Field(min_length=1, description="The organization's API key at Vatel.")
    vatel_agent_id: str = Field(min_length=1, max_length=100, description="The agent that answers.")
    vatel_base_url: str = Field(default="https://api.vatel.ai", description="Vatel's address.")

    twilio_account_sid: str = Field(
        pattern=ACCOUNT_SID, description="The account that owns the numbers: AC..."
    )
    twilio_auth_token: SecretStr = Field(
        min_length=1, description="The account's auth token, which signs Twilio's requests."
    )
    twilio_auth_token_secondary: SecretStr | None = Field(
        default=None, description="A second token to accept signatures of, while tokens are rotated."
    )
    twilio_api_key: str | None = Field(
        default=None, pattern=API_KEY, description="An API key for requests to Twilio: SK..."
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
    static_fallback_url: str | None = Field(
        default=None,
        description="TwiML kept elsewhere, such as a TwiML Bin, for when no process answers.",
    )
    transfer_whisper: str | None = Field(
        default=None,
        max_length=300,
        description="What a person hears before a caller is transferred to them; key 1 takes the call.",
    )
    recoveries: int = Field(
        default=3,
        ge=0,
        le=10,
        description="Losses of the agent that a call survives.",
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

    clips_language: Literal["de", "en", "es", "fr", "it", "nl", "pt"] = Field(
        default="en", description="The language of what the gateway itself says when a vendor fails."
    )
    clips_dir: Path | None = Field(
        default=None,
        description="Your own recordings of that, as `CLIPS_LANGUAGE/NAME.wav`, in place of ours.",
    )

    gateway_config: Path | None = Field(default=None, description="A TOML file with HTTP tools.")
    gateway_tools: str | None = Field(default=None, pattern=MODULE, description="A Python module with tools.")
    database_url: str = Field(
        default="sqlite:///gateway.db", description="Where records are kept: SQLite, or postgresql://..."
    )
    spool_dir: Path = Field(
        default=Path("gateway-spool"), description="Where records wait while the database is away."
    )
    recordings_dir: Path = Field(default=Path("recordings"), description="Where recordings of calls go.")
    gateway_api_key: SecretStr | None = Field(
        default=None, min_length=20, description="The first key to the API, which may do everything."
    )
    webhook_url: str | None = Field(default=None, description="Where events of calls are posted to.")
    webhook_secret: SecretStr | None = Field(
        default=None, description="Signs those events, in the form of Standard Webhooks: whsec_..."
    )
    private_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Hosts of your own network, or localhost, that may be posted to, with commas.",
    )
    proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("127.0.0.1", "::1"),
        description="Addresses of proxies and tunnels in front, with commas: not held to one party's bounds.",
    )
    allowed_countries: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Countries that may be called, such as US,CA; default: the caller ID's own."
    )
    dial_rate: float = Field(
        default=0.8, gt=0, le=100, description="Calls placed a second at most; Twilio's own limit is 1."
    )
    key_calls_at_once: int = Field(
        default=10, ge=1, le=10_000, description="Calls an API key may have placed and not over at a time."
    )
    key_calls_per_minute: int = Field(
        default=30, ge=1, le=10_000, description="Calls an API key may place in any minute."
    )
    key_calls_per_day: int = Field(
        default=1000, ge=1, le=10_000, description="Calls an API key may place in any 24 hours."
    )
    number_calls_per_hour: int = Field(
        default=3, ge=1, le=1000, description="Calls to one number in any hour, whichever key places them."
    )
    playout_lead_ms: int = Field(
        default=1000, ge=100, le=10_000, description="Agent audio sent ahead of what the caller has heard."
    )
    drain_timeout: float = Field(
        default=900.0, ge=0, le=14_400, description="Seconds calls may run on after SIGTERM."
    )
    max_calls: int = Field(default=200, ge=1, le=10_000, description="Calls at once; more callers wait.")
    max_lateness_ms: int = Field(
        default=40, ge=0, le=5_000, description="Frames later than this let new callers wait; 0: never."
    )
    queue_max: int = Field(
        default=20, ge=0, le=1_000, description="Callers who may wait for a place at once; more fall back."
    )
    queue_wait_s: float = Field(
        default=60.0, ge=1, le=3_600, description="Seconds a caller may wait before falling back."
    )
    queue_sentence: str = Field(
        default="All lines are busy. You are number {position}.",
        max_length=500,
        description="What callers who wait hear, when it is news; {position} is their place in line.",
    )
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

    @field_validator(
        "vatel_api_key",
        "twilio_auth_token",
        "twilio_auth_token_secondary",
        "twilio_api_secret",
        "gateway_api_key",
    )
    @classmethod
    def _check_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not plain(value.get_secret_value()):
            raise ValueError("must be plain ASCII without spaces or line breaks: copy it again")
        return value

    @field_validator("public_url", "vatel_base_url", "twilio_base_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        return web_address(value)

    @field_validator("node_url")
    @classmethod
    def _check_node(cls, value: str | None) -> str | None:
        return web_address(value) if value else None

    @field_validator("webhook_url", "static_fallback_url")
    @classmethod
    def _check_webhook(cls, value: str | None) -> str | None:
        return full_address(value).geturl() if value else None

    @field_validator("twilio_phone_number", "fallback_number")
    @classmethod
    def _check_number(cls, value: str | None) -> str | None:
        return telephone_number(value) if value else None

    @field_validator("webhook_secret")
    @classmethod
    def _check_signing_secret(cls, value: SecretStr | None) -> SecretStr | None:
        return signing_secret(value) if value else None

    @field_validator("private_hosts", "proxies", "allowed_countries", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str) or not value.strip():
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("proxies")
    @classmethod
    def _check_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(ip_number(address) for address in value)

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

    @field_validator("clips_language", mode="before")
    @classmethod
    def _first_language(cls, value: object) -> object:
        """A locale such as ``de_AT.UTF-8`` is taken for its language."""
        return re.split(r"[_.@-]", value.lower())[0] if isinstance(value, str) else value

    @field_validator("log_level", "resume", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_api_key(self) -> "Settings":
        if (self.twilio_api_key is None) != (self.twilio_api_secret is None):
            raise ValueError("TWILIO_API_KEY and TWILIO_API_SECRET go together: set both or neither")
        if self.webhook_url is not None and self.webhook_secret is None:
            raise ValueError("WEBHOOK_URL needs a WEBHOOK_SECRET, which signs what is posted there")
        return self

    @property
    def own_url(self) -> str:
        """The address of this process alone."""
        return self.node_url or self.public_url

    @property
    def resumes(self) -> bool:
        """Whether another process may take a call over; one that has SQLite to itself is the only one."""
        if self.resume == "auto":
            return self.database_url.strip().startswith("postgres")
        return self.resume == "on"

    @property
    def allowed_transfers(self) -> tuple[str, ...]:
        """The numbers the agent may transfer to."""
        return self.transfer_numbers or ((self.fallback_number,) if self.fallback_number else ())

"""How the commands reach a running gateway: its address and a key, from the environment or ``.env``."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.errors import SettingsError
from gateway.sdk import Gateway, Unauthorized, Unreachable

_KEY_REMEDY = (
    "Set GATEWAY_API_KEY in the environment or in .env to a key, such as one that "
    "`vatel-gateway keys create NAME` makes."
)


class _Access(BaseSettings):
    """The few settings these commands need: they may run on another machine than the gateway."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    gateway_api_key: SecretStr | None = None
    gateway_url: str | None = None
    public_url: str | None = None
    port: int = 8080

    @property
    def address(self) -> tuple[str, str]:
        """The gateway's address, and the setting it is from."""
        if self.gateway_url:
            return self.gateway_url, "GATEWAY_URL"
        if self.public_url:
            return self.public_url, "PUBLIC_URL"
        return f"http://127.0.0.1:{self.port}", "PORT"


@contextmanager
def opened() -> Iterator[Gateway]:
    """A client of the gateway the settings name.

    Raises:
        SettingsError: the key or the address is missing or wrong, or no gateway answers there.
        ApiError: whatever else is raised in here.
    """
    access = _read()
    url, source = access.address
    if access.gateway_api_key is None or not access.gateway_api_key.get_secret_value().strip():
        raise SettingsError("GATEWAY_API_KEY: is missing.", remedy=_KEY_REMEDY)
    try:
        gateway = Gateway(url, access.gateway_api_key.get_secret_value().strip())
    except SettingsError as error:
        name = "GATEWAY_API_KEY" if "key" in str(error).partition(" is ")[0] else source
        raise SettingsError(f"{name}: {error}", remedy=error.remedy) from None
    with gateway:
        try:
            yield gateway
        except Unreachable:
            text = f"no gateway answers at {gateway.url} ({source})"
            raise SettingsError(
                text, remedy="Start it with `vatel-gateway serve`, or set GATEWAY_URL to where it is."
            ) from None
        except Unauthorized as error:
            text = f"the gateway at {gateway.url} does not take GATEWAY_API_KEY: {error}"
            raise SettingsError(text, remedy=_KEY_REMEDY) from None


def _read() -> _Access:
    try:
        return _Access()
    except ValidationError as error:
        names = ", ".join(str(item["loc"][0]).upper() for item in error.errors() if item["loc"])
        raise SettingsError(f"{names}: can't be read") from None
    except (OSError, UnicodeError):
        raise SettingsError(".env can't be read as UTF-8 text") from None

"""The TOML file ``GATEWAY_CONFIG`` names."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from gateway.settings.forms import TOOL_NAME, full_address, signing_secret


class HttpTool(BaseModel):
    """A tool behind an HTTP endpoint: ``[tools.NAME]`` in the file ``GATEWAY_CONFIG`` names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="Where the call is posted to: https; PRIVATE_HOSTS names hosts of your own.")
    timeout_s: float = Field(default=10.0, gt=0, le=60, description="How long the agent waits for it.")
    secret: SecretStr = Field(description="Signs the requests, in the form of Standard Webhooks: whsec_...")

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        return full_address(value.strip()).geturl()

    @field_validator("secret")
    @classmethod
    def _check_secret(cls, value: SecretStr) -> SecretStr:
        return signing_secret(value)


class GatewayConfig(BaseModel):
    """The TOML file ``GATEWAY_CONFIG`` names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tools: dict[Annotated[str, Field(pattern=TOOL_NAME)], HttpTool] = {}

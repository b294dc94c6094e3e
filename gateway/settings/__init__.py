"""The settings: read once from the environment, ``.env`` and the TOML file, then frozen."""

from gateway.settings.config import GatewayConfig, HttpTool
from gateway.settings.forms import telephone_number, web_address
from gateway.settings.loading import load, load_config
from gateway.settings.model import Settings

__all__ = [
    "GatewayConfig", "HttpTool", "Settings", "load", "load_config", "telephone_number", "web_address",
]  # fmt: skip

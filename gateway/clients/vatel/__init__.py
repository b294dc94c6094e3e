"""Vatel's REST API, every operation of it: https://docs.vatel.ai."""

from gateway.clients.vatel.client import Vatel

__all__ = ["Vatel"]

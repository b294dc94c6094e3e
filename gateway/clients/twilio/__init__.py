"""Twilio's REST API: its own library over an HTTP client whose timeouts hold, and plain values out of it."""

from gateway.clients.twilio.client import Twilio

__all__ = ["Twilio"]

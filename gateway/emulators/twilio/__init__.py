"""Twilio for trying things out: an account, its REST API, webhooks, calls and media streams."""

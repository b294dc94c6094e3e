"""Twilio and Vatel for trying things out: second opinions that share no protocol code."""

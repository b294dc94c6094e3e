"""Vatel for trying things out: REST, sessions, and an agent that follows a script."""

"""The I/O round a bridge: shell, tools, registry."""

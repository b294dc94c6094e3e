"""What the peers say: bytes to typed messages and back. Pure."""

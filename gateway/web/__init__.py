"""The doors: webhooks, media socket, health."""

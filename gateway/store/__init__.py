"""What is kept: numbers, calls and their words, dial intents, keys and outgoing webhooks, in SQL."""

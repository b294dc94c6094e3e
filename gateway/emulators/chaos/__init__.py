"""A chaos kit: breaks the links of calls at chosen moments, and measures what callers hear of it."""

"""Many callers and agents at once, whose every sample is known."""

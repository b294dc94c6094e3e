"""Recorded speech for the emulators: ``clips.toml`` says what, ``make.sh`` makes it."""

"""Python's collector of cyclic garbage, kept away from the audio."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_YOUNGER_BEFORE_WHOLE: Final = 100
"""Ten is Python's default. So a whole collection comes after some 700,000 objects that were made and kept."""


@contextmanager
def seldom() -> Iterator[None]:
    """Have it look at everything seldom, and at what is loaded now never.

    It stops the process to look at every object there is, a millisecond for each live call. What makes a call
    is freed with its end, without it, so there is hardly anything for it to find.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*before[:2], _YOUNGER_BEFORE_WHOLE)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()

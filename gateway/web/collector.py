"""Python's collector of cyclic garbage, kept away from the audio."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def spared() -> Iterator[None]:
    """Have it never look at what is loaded now, which lives as long as the process.

    It stops the process to look at every object there is, a millisecond for each live call. How often it does
    depends on how many objects stay; what makes a call is freed with its end, without it.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

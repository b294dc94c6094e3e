"""Walks through the pages of a list of Twilio's."""

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import islice
from typing import Any, Final, TypeVar

from gateway.clients.twilio.refusals import translating
from gateway.errors import VendorUnusable

LARGEST_PAGE: Final = 200
"""Entries: a page of so many stays well below the largest answer read."""
_MOST_PAGES: Final = 500

T = TypeVar("T")


async def paged(
    first: Callable[[int], Awaitable[Any]], read: Callable[[Any], T], most: int
) -> AsyncIterator[T]:
    """The entries of a list as values, at most ``most``; each page is asked for when it is needed.

    Args:
        first: Asks for the first page, given how many entries it may have.
        read: Makes a value of the library's object.
        most: How many entries to give at most.

    Raises:
        VendorError: a page could not be had, or the list has no end.
    """
    page: Any = None
    for _ in range(_MOST_PAGES):
        with translating():
            page = await (first(min(most, LARGEST_PAGE)) if page is None else page.next_page_async())
            found = [] if page is None else [read(each) for each in islice(page, most)]
        for value in found:
            yield value
        most -= len(found)
        if page is None or most <= 0:
            return
    raise VendorUnusable("Twilio's list has no end")

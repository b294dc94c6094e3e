"""When the next thing is due."""


def earliest(*times: float | None) -> float | None:
    """The first of several times; those that are ``None`` never come."""
    first: float | None = None
    for at in times:
        if at is not None and (first is None or at < first):
            first = at
    return first

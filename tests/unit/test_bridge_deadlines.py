"""The earliest of several deadlines, some of which there may not be."""

from gateway.bridge.deadlines import earliest


def test_the_earliest_deadline_is_the_one_to_keep() -> None:
    assert earliest(None, 3.0, 1.0, None, 2.0) == 1.0


def test_what_never_comes_is_no_deadline() -> None:
    assert earliest(None, None) is None

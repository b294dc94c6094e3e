"""The collector looks seldom while the gateway serves, and as before afterwards."""

import gc

import pytest

from gateway.web import collector


def test_the_collector_leaves_alone_what_was_loaded_and_looks_seldom() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with collector.seldom():
        assert gc.get_threshold()[:2] == before[:2], "young objects are looked at as ever"
        assert gc.get_threshold()[2] >= 10 * before[2] > 0
        assert gc.get_freeze_count() > frozen + 1000
        assert gc.isenabled()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_all_is_as_before_when_serving_ends_by_an_error() -> None:
    before = gc.get_threshold()
    with pytest.raises(LookupError), collector.seldom():
        raise LookupError
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0

"""The collector leaves alone what was loaded while the gateway serves, and no longer."""

import gc

import pytest

from gateway.web import collector


def test_the_collector_leaves_alone_what_was_loaded() -> None:
    with collector.spared():
        assert gc.get_freeze_count() > 1000
        assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_all_is_as_before_when_serving_ends_by_an_error() -> None:
    with pytest.raises(LookupError), collector.spared():
        raise LookupError
    assert gc.get_freeze_count() == 0

"""The fence: open for whoever is alone, shut for a process that was stopped, and nothing out of order."""

from gateway.calls.fence import Fence


def test_whoever_keeps_no_leases_is_never_held_up() -> None:
    assert not Fence().shut(1e12)


def test_a_process_that_was_stopped_acts_only_when_it_knows_that_it_may() -> None:
    fence, done = Fence(), list[str]()
    fence.open(6.0)
    assert not fence.shut(6.0)
    assert fence.shut(6.1)
    fence.hold(lambda: done.append("first"))
    fence.hold(lambda: done.append("second"))
    assert done == []
    fence.open(12.0)
    assert (done, fence.shut(12.0)) == (["first", "second"], False)

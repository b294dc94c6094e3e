"""When a quick run of the chaos kit has failed."""

import pytest
from rich.console import Console

from gateway.cli import chaos
from gateway.emulators.chaos.catalogue import SCENARIOS
from gateway.emulators.chaos.figures import Bound, Outcome, Report, report

CELLS = [SCENARIOS["cells"]]
QUIET = Console(quiet=True)


def played(*troubles: str, bounds: dict[str, Bound] | None = None) -> Report:
    """A run in which each of some cells had a trouble; without any, one that held."""
    outcomes = [Outcome(7 + at, troubles=[trouble]) for at, trouble in enumerate(troubles)]
    return report("cells", "title", 5, 1.0, outcomes or [Outcome(0, measures={"left": [1.0]})], bounds or {})


@pytest.mark.parametrize("again", [played(), played("hung")])
def test_what_failed_beside_others_is_played_again_alone(
    monkeypatch: pytest.MonkeyPatch, again: Report
) -> None:
    asked = []

    def run(_runs: object, seed: int, only: list[int], _console: Console) -> list[Report]:
        asked.append((seed, only))
        return [again]

    monkeypatch.setattr(chaos, "_run", run)
    assert chaos._sound(played("hung", "hung"), CELLS, None, QUIET) is again.sound
    assert asked == [(5, [7, 8])]


def test_nothing_is_played_again_that_held_or_is_no_accident() -> None:
    assert chaos._sound(played(), CELLS, None, QUIET)
    assert not chaos._sound(played("hung", "hung", "hung", "hung"), CELLS, None, QUIET)
    assert not chaos._sound(played(bounds={"left": Bound(max=0.0, always=True)}), CELLS, None, QUIET)

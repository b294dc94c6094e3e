"""The scenarios there are, in the order in which they are run."""

from typing import Final

from gateway.emulators.chaos.runner import Scenario
from gateway.emulators.chaos.scenarios.agent_lost import AGENT_LOST, HALF_OPEN

SCENARIOS: Final[dict[str, Scenario]] = {scenario.name: scenario for scenario in (AGENT_LOST, HALF_OPEN)}

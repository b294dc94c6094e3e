"""The scenarios there are, in the order in which they are run."""

from typing import Final

from gateway.emulators.chaos.runner import Scenario
from gateway.emulators.chaos.scenarios.agent_lost import AGENT_LOST, HALF_OPEN
from gateway.emulators.chaos.scenarios.cells import CELLS_SCENARIO
from gateway.emulators.chaos.scenarios.crossing import CROSSING
from gateway.emulators.chaos.scenarios.short_calls import SHORT_CALLS
from gateway.emulators.chaos.scenarios.two_nodes import NODE_KILLED, ROLLING_RESTART

_ALL: Final = (AGENT_LOST, HALF_OPEN, CROSSING, CELLS_SCENARIO, SHORT_CALLS, NODE_KILLED, ROLLING_RESTART)
SCENARIOS: Final[dict[str, Scenario]] = {scenario.name: scenario for scenario in _ALL}

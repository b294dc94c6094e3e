"""What is measured, for Prometheus. No label holds anything of one call."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_DELAYS_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)
_WAITS_S: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
_LONG_S: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
_PREFIX: Final = "vatel_gateway"


class Metrics:
    """The gateway's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.live = Gauge(f"{_PREFIX}_calls_live", "Calls admitted and not over", registry=self.registry)
        self.admitted = Counter(f"{_PREFIX}_calls_admitted", "Calls taken", registry=self.registry)
        self.refused = self._counter("calls_refused", "Calls not taken", "reason")
        self.ended = self._counter(
            "calls_ended", "Calls over, by reason and by who ended them", "ending", "by"
        )
        self.doors = self._counter("doors_refused", "Requests and sockets refused", "door", "reason")
        self.dropped = self._counter("dropped", "Messages and audio dropped, by what and why", "what")
        self.agents_lost = Counter(
            f"{_PREFIX}_agents_lost", "Sessions lost and replaced in a call", registry=self.registry
        )
        self.gap = self._histogram("agent_gap", "Agent lost to the next one's session_started", _WAITS_S)
        self.fillers = self._counter("fillers", "Phrases of the gateway's own for want of an agent's", "clip")
        self.parked = self._counter("calls_parked", "Calls that outlived their stream", "why")
        self.tools = self._counter("tool_calls", "Tool calls answered", "tool", "outcome")
        self.transfers = self._counter("transfer_legs", "Dialled legs over, by Twilio's status", "status")
        self.first_audio = self._histogram(
            "answer_to_first_audio", "Stream open to first agent audio", _WAITS_S
        )
        self.joined = self._histogram("agent_join", "Webhook to session_started", _WAITS_S)
        self.up = self._histogram("added_delay_up", "Caller audio read to agent audio written", _DELAYS_S)
        self.down = self._histogram("added_delay_down", "Agent audio read to caller audio written", _DELAYS_S)
        self.clear = self._histogram("barge_in_to_clear", "Interruption read to clear written", _DELAYS_S)
        self.round_trip = self._histogram("mark_round_trip", "To Twilio's playout and back", _WAITS_S)
        self.lead = self._histogram("playout_lead", "Agent audio at Twilio, not heard yet", _WAITS_S)
        self.tool_time = self._histogram("tool_time", "Tool call to its answer", _WAITS_S)
        self.successions = self._counter(
            "calls_taken_over", "Calls of other processes, by what became of them", "what"
        )
        self._measure_keeping()
        self._measure_vendors()
        self._measure_admission()
        self.loop_lag = self._histogram("event_loop_lag", "Delay of a timer", _DELAYS_S)

    def _measure_keeping(self) -> None:
        self.recordings = self._counter(
            "recordings", "Recordings over, by how much they hold", "state", "reason"
        )
        self.disk_used = self._gauge("recordings_disk_used", "How full the disk is, from 0 to 1")
        self.records_waiting = self._gauge("records_waiting", "Records in memory, not in the database yet")
        self.records = self._gauge("records", "What became of records, since the start", "outcome")
        self.deliveries = self._gauge("deliveries", "What became of events, since the start", "outcome")

    def _measure_vendors(self) -> None:
        self.tokens = self._counter("session_tokens", "Tries to get a session token, by outcome", "outcome")
        self.resting = self._gauge("breaker_open", "1 while a peer is asked once a second only", "peer")
        self.twilio_wait = self._histogram(
            "twilio_wait", "Requests to Twilio waiting for others", _WAITS_S, "urgency"
        )
        self.twilio_throttled = self._counter("twilio_throttled", "Answers of Twilio to slow down", "urgency")
        self.last_good = self._gauge(
            "last_good_addresses", "Connections to where a host was last reached, its name leading nowhere"
        )
        self.agent_words = self._gauge(
            "agent_words", "What became of questions for agents' own words, since the start", "outcome"
        )

    def _measure_admission(self) -> None:
        self.queued = self._counter("calls_queued", "Callers who had to wait, by the reason", "reason")
        self.queue_left = self._counter("queue_left", "Callers who wait no longer, by outcome", "outcome")
        self.queue_time = self._histogram("queue_time", "Webhook to the end of waiting", _LONG_S)
        self.waiting = self._gauge("callers_waiting", "Callers who wait for a place")
        self.frame_lateness = self._gauge("frame_lateness_p99_seconds", "Lateness of frames in the last 5 s")
        self.descriptors = self._gauge("descriptors_used_ratio", "Share of file descriptors in use")

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"{_PREFIX}_{name}", text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"{_PREFIX}_{name}_seconds", text, labels, buckets=buckets, registry=self.registry)

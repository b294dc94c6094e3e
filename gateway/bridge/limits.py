"""The numbers a bridge lives by. Every wait and every store of a call is bounded here."""

from dataclasses import dataclass

from gateway.ids import E164


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one call. Seconds end in ``_s``, milliseconds in ``_ms``."""

    # Audio to the caller
    playout_lead_ms: int = 1000  # agent audio at Twilio that the caller has not heard yet
    mark_every_ms: int = 200
    mark_grace_s: float = 0.5  # a mark this late is given up; sooner where Twilio would run dry
    idle_flush_s: float = 0.1  # the agent pauses in a turn: send the part of a frame that waits
    gather_ms: int = 200  # agent audio converted and sent at a time, while Twilio has enough to play
    enough_s: float = 0.25  # what Twilio has to play at least while more is gathered
    waiting_audio_s: float = 300.0  # agent audio that waits in the gateway

    # Audio to the agent
    early_media_ms: int = 1000  # what the caller said last before the agent was there
    late_media_ms: int = 400  # of more that comes late and all at once, the oldest is dropped; 0: none waits

    # Waiting for the legs
    stream_timeout_s: float = 15.0  # from the webhook to the stream
    join_timeout_s: float = 5.0  # from the stream to session_started; a phrase is heard meanwhile
    media_warn_s: float = 1.0  # no audio from Twilio for so long is counted
    media_suspect_s: float = 2.1  # ... may mean that the stream is dead: another is heard before 3 s are over
    media_thin_s: float = 3.0  # in which far too little audio may mean it, too
    media_gap_s: float = 10.0  # ... means it: Twilio sends 50 frames a second, in silence too
    max_call_s: float = 3600.0
    last_sentence_s: float = 10.0  # what the agent is saying then may take so much longer

    # Being without the agent
    recoveries: int = 3  # losses of the agent a call survives; 0: the first one is the last
    first_tries: int = 2  # to get the first session of the call
    attempt_s: float = 3.0  # from joining to session_started
    most_gap_s: float = 12.0  # without an agent, all gaps of a call together
    broken_off_ms: int = 400  # what is still heard of a sentence whose rest will not come
    person_behind: bool = False  # whether a person is called where no agent can be had
    session_s: float = 3300.0  # a session this old is changed for a new one, in a pause

    # Silence while the session is up: when the caller hears something, and when the agent counts as lost
    agent_greets: bool = False  # whether the agent is known to speak first
    greeting_filler_s: float = 1.5
    greeting_lost_s: float = 6.0
    answer_filler_s: float = 2.5
    answer_lost_s: float = 8.0
    tool_filler_s: float = 1.5
    answer_noise_s: float = 0.8  # so long before words that stand for an answer, the line sounds alive
    start_noise_s: float = 1.0  # a call begins without an agent, who mostly is heard by then
    start_phrase_s: float = 1.5  # before a greeting that is only a little late, words would be one too many
    gap_noise_s: float = 0.0  # without an agent: noise is heard at once
    gap_phrase_s: float = 0.45  # and words within a second, on a busy machine too: they come behind noise
    look_every_s: float = 0.5
    phrase_again_s: float = 5.0
    longest_talk_s: float = 120.0  # the agent speaks on and on, and the caller not at all

    # Being without the stream
    reattach_s: float = 10.0  # how long a call waits for its stream to come back; 0: not at all
    retrieve_after_s: float = 3.0  # Twilio did not come by itself: it is asked what became of the call
    transfer_wait_s: float = 60.0  # until a person has answered, or has not

    # Endings
    drain_extra_s: float = 5.0  # how much longer than its audio a goodbye may take
    settle_s: float = 0.4  # after a tool ends the call: how long its last words may still be on their way
    unfinished_s: float = 2.0  # the same while a turn is open
    lost_agent_drain_s: float = 1.2
    transfer_timeout_s: float = 15.0  # Twilio's answer is missing: the call goes on

    # Tools
    tools_at_once: int = 5
    tools_queued: int = 50
    tool_output_bytes: int = 64 * 1024
    digit_timeout_s: float = 10.0
    type_ahead_s: float = 3.0  # keys pressed this long before they are asked for count

    # Bad messages: more than so many in the window and the leg is unusable
    bad_messages: int = 20
    bad_window_s: float = 10.0


@dataclass(frozen=True, slots=True)
class ToolBook:
    """Which tools the agent may call in this call, and whom it may transfer to."""

    timeouts_s: dict[str, float]
    transfer_numbers: tuple[E164, ...] = ()

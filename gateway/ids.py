"""Identifiers with types, so that a swap of two of them does not pass mypy."""

from typing import NewType

CallSid = NewType("CallSid", str)
"""Twilio's name of a call: ``CA`` and 32 hexadecimal digits."""

AccountSid = NewType("AccountSid", str)
"""Twilio's name of an account: ``AC`` and 32 hexadecimal digits."""

StreamSid = NewType("StreamSid", str)
"""Twilio's name of a media stream: ``MZ`` and 32 hexadecimal digits."""

AgentId = NewType("AgentId", str)
"""Vatel's name of an agent: a UUID."""

SessionId = NewType("SessionId", str)
"""Vatel's name of a session, and of the call in its own records."""

TurnId = NewType("TurnId", str)
"""Vatel's name of one stretch of agent speech."""

ToolCallId = NewType("ToolCallId", str)
"""Vatel's name of one request to run a tool."""

MarkName = NewType("MarkName", str)
"""Our name of a place in the audio sent to Twilio: ``g<generation>.<number>``."""

E164 = NewType("E164", str)
"""A telephone number in international form: ``+`` and up to fifteen digits."""

"""How long a server's certificate is still good, as a client sees it."""

import asyncio
import ssl
import time
from dataclasses import dataclass
from typing import Final

from gateway.clients.agent_socket import tls_context

_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Validity:
    """For how many days, or why it is no good."""

    days: float | None
    problem: str = ""


async def validity(
    host: str, port: int, *, tls: ssl.SSLContext | None = None, deadline_s: float = 5.0
) -> Validity:
    """Look at the certificate of a server; ``tls`` says whom to trust, by default the usual authorities."""
    writer = None
    try:
        async with asyncio.timeout(deadline_s):
            _, writer = await asyncio.open_connection(host, port, ssl=tls or tls_context())
            shown = writer.get_extra_info("peercert")
    except ssl.SSLCertVerificationError as error:
        return Validity(None, error.verify_message)
    except (OSError, TimeoutError) as error:
        return Validity(None, f"no TLS connection: {type(error).__name__}")
    finally:
        if writer is not None:
            writer.close()
    return Validity((ssl.cert_time_to_seconds(shown["notAfter"]) - time.time()) / _DAY_S)

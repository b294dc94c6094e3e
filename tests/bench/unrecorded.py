"""The gateway without records: ``python -m tests.bench.unrecorded`` serves as ``vatel-gateway serve`` does.

Nothing is written down, and there is no API: it carries calls, as the limit and the sample do.
"""

from gateway import logs, settings
from gateway.web import app, server


def main() -> None:
    """Serve until SIGTERM."""
    chosen = settings.load()
    logs.configure(chosen.log_level, chosen.log_format)
    gateway = app.build(chosen, keep=False)
    config = server.config(gateway.app, chosen.host, chosen.port, strangers=gateway.strangers)
    server.DrainingServer(config, gateway.registry, drain_timeout_s=chosen.drain_timeout).run()


if __name__ == "__main__":
    main()

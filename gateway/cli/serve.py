"""``vatel-gateway serve``: answer calls until told to stop."""

import asyncio

import typer

from gateway import logs, settings
from gateway.store.database import Database
from gateway.web import app, server


def serve(
    host: str | None = typer.Option(None, help="The address to listen on; HOST by default."),
    port: int | None = typer.Option(None, help="The port to listen on; PORT by default."),
) -> None:
    """Answer calls. SIGTERM refuses new ones, lets live ones run on, and exits when the last is over."""
    chosen = settings.load()
    logs.configure(chosen.log_level, chosen.log_format)
    gateway = app.build(chosen)
    asyncio.run(_look_at(chosen.database_url))
    listen = chosen.host if host is None else host, chosen.port if port is None else port
    config = server.config(gateway.app, *listen, strangers=gateway.strangers)
    logs.get().info("serving", host=listen[0], port=listen[1], public_url=chosen.public_url)
    server.DrainingServer(config, gateway.registry, drain_timeout_s=chosen.drain_timeout).run()


async def _look_at(database_url: str) -> None:
    """Open the database once before anything listens: what is wrong with it is one line, not a failed start.

    Raises:
        SettingsError: it belongs to a newer gateway.
        StoreUnavailable: it can't be reached.
    """
    async with Database.open(database_url):
        pass

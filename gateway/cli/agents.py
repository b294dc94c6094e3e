"""``vatel-gateway agents``: the organization's agents, asked of Vatel with the settings' key."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer
from pydantic import SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from rich.text import Text

from gateway import settings
from gateway.cli import api_view
from gateway.cli.api_options import Json
from gateway.clients.http import pool
from gateway.clients.vatel import Vatel
from gateway.clients.vatel.agent import Agent, Version
from gateway.errors import SettingsError
from gateway.ids import AgentId

app = typer.Typer(help="Look at the agents at Vatel.", no_args_is_help=True)

_T = TypeVar("_T")


class _Account(BaseSettings):
    """What it takes to ask Vatel; no other setting is needed here."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    vatel_api_key: SecretStr
    vatel_base_url: str = "https://api.vatel.ai"
    vatel_agent_id: str = ""

    @field_validator("vatel_base_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        return settings.web_address(value)


@app.command("list")
def list_agents(as_json: Json = False) -> None:
    """List the agents; the one of VATEL_AGENT_ID has a mark."""
    account = _account()
    found = _ask(account, lambda vatel: vatel.agents.list())
    if as_json:
        api_view.as_json(found)
        return
    shown = api_view.table("agent", "id", "state", "model")
    # These have room whatever the names and models are.
    shown.columns[0].min_width, shown.columns[1].min_width, shown.columns[2].min_width = 14, 36, 8
    for agent in sorted(found, key=lambda each: each.name.casefold()):
        name = Text(api_view.plain(agent.name), style="bold" if agent.id == account.vatel_agent_id else "")
        if agent.id == account.vatel_agent_id:
            name.append(" *")
        shown.add_row(name, agent.id, api_view.word(agent.status), _model(agent))
    api_view.console().print(shown if found else "There are no agents.")


@app.command()
def show(
    agent_id: str = typer.Argument("", metavar="ID", help="The agent; VATEL_AGENT_ID by default."),
    as_json: Json = False,
) -> None:
    """Show an agent, its texts and its published versions."""
    account = _account()
    name = AgentId(agent_id or account.vatel_agent_id)
    if not name:
        raise typer.BadParameter("name an agent, or set VATEL_AGENT_ID")

    async def both(vatel: Vatel) -> tuple[Agent, tuple[Version, ...]]:
        return await vatel.agents.get(name), await vatel.agents.versions(name)

    agent, versions = _ask(account, both)
    if as_json:
        api_view.as_json({"agent": agent, "versions": versions})
    else:
        _print(agent, versions)


def _print(agent: Agent, versions: tuple[Version, ...]) -> None:
    voice = (agent.voice_settings.provider, agent.voice_settings.id)
    published = [each for each in versions if each.published_at]
    console = api_view.console()
    console.print(Text(api_view.plain(agent.name), style="bold"))
    console.print(
        api_view.facts([
            ("id", agent.id),
            ("state", api_view.word(agent.status)),
            ("model", api_view.plain(", then ".join(filter(None, (agent.llm, agent.fallback_llm))))),
            ("voice", api_view.plain(" ".join(filter(None, voice)))),
            ("language", api_view.plain(agent.default_language)),
            ("number", api_view.plain(agent.phone_number_id)),
            ("says first", api_view.plain(agent.first_message)),
            ("prompt", api_view.plain(agent.prompt)),
            ("versions", "\n".join(map(_version, published))),
        ])
    )  # fmt: skip


def _model(agent: Agent) -> str:
    """A model's name without its maker's, for which there is no room."""
    return api_view.plain(agent.llm.rpartition("/")[2])


def _version(each: Version) -> str:
    day = (each.published_at or "")[:10]
    return api_view.plain(f"{each.id}  {day}  {each.tag}".rstrip())


def _ask(account: _Account, question: Callable[[Vatel], Awaitable[_T]]) -> _T:
    async def asked() -> _T:
        async with pool() as http:
            key = account.vatel_api_key.get_secret_value().strip()
            return await question(Vatel(http, account.vatel_base_url, key))

    return asyncio.run(asked())


def _account() -> _Account:
    """Read the settings.

    Raises:
        SettingsError: one is missing or wrong.
    """
    try:
        return _Account()
    except ValidationError as error:
        item = error.errors(include_url=False, include_input=False)[0]
        name = str(item["loc"][0]).upper()
        wrong = "is missing" if item["type"] == "missing" else item["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{name}: {wrong}.", remedy="Set it in the environment or in .env.") from None
    except (OSError, UnicodeError):
        raise SettingsError(".env can't be read as UTF-8 text") from None

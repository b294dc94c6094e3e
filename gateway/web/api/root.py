"""The root of the API: who is asking, of which gateway, and where to go on."""

from importlib import metadata
from typing import Final

from pydantic import Field

from gateway.store.database import Database
from gateway.web.api.endpoint import Answer, AnyEndpoint, Ask, Endpoint, Nothing
from gateway.web.api.scopes import Scope

GROUP: Final = "Gateway"


def version() -> str:
    """The gateway's version."""
    try:
        return metadata.version("vatel-gateway")
    except metadata.PackageNotFoundError:  # run from a folder, not installed
        return "0"


class Asker(Answer):
    """The key of this request."""

    id: str = Field(description="Its name, not its text.")
    name: str = Field(description="What people call it.", examples=["Reports"])
    scopes: list[str] = Field(description="What it may do; `admin` is everything.", examples=[["calls:read"]])


class Whoami(Answer):
    """The gateway, as the key that asks sees it."""

    service: str = Field(description="Always `vatel-gateway`.", examples=["vatel-gateway"])
    version: str = Field(description="The gateway's version.", examples=["1.0.0"])
    database: bool = Field(description="Whether the database answers.")
    key: Asker = Field(description="The key of this request.")
    openapi: str = Field(description="Where the API is described for programs.", examples=["/openapi.json"])
    docs: str = Field(description="Where it is described for people.", examples=["/docs"])


class Root:
    """The first address to ask."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def endpoints(self) -> list[AnyEndpoint]:
        """The table."""
        return [
            Endpoint(
                "GET", "/v1/", "whoami", "Who asks, and of what", None, self.whoami,
                answer=Whoami, group=GROUP, description="A good way to try a key: any scope will do.",
            ),
        ]  # fmt: skip

    async def whoami(self, ask: Ask[Nothing, Nothing, Nothing]) -> Whoami:
        """Tell the key about itself."""
        caller = ask.caller
        everything = Scope.ADMIN in caller.scopes
        return Whoami(
            service="vatel-gateway",
            version=version(),
            database=await self._database.ready(),
            key=Asker(
                id=caller.key_id, name=caller.name, scopes=sorted(Scope if everything else caller.scopes)
            ),
            openapi="/openapi.json",
            docs="/docs",
        )

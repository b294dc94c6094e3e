"""The page for people: whole without a script, and nothing in it from elsewhere."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import anyio
import httpx
import pytest

from tests.integration.api_rig import api

pytestmark = pytest.mark.anyio
CHROMIUM = shutil.which("chromium")


class Reader(HTMLParser):
    """Names, links and anything that would need a laxer policy."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            self.ids += [value or ""] if name == "id" else []
            self.links += [value or ""] if name in ("href", "src") else []
            self.inline += [f"{tag} {name}"] if name.startswith("on") or name == "style" else []
        if tag == "style" or (tag == "script" and not dict(attrs).get("src")):
            self.inline.append(tag)


async def _page(url: str, path: str = "/docs") -> httpx.Response:
    async with httpx.AsyncClient(base_url=url) as client:
        return await client.get(path)


async def test_the_page_needs_no_key_and_nothing_from_elsewhere(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        answer = await _page(rig.url)
        read = Reader(answer.text)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert read.inline == []
        for link in read.links:
            if link.startswith("/"):
                assert (await _page(rig.url, link)).status_code == 200
            else:
                assert re.match(r"#|data:,$|https://www\.rfc-editor\.org/", link)


async def test_every_link_within_the_page_leads_somewhere(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        read = Reader((await _page(rig.url)).text)
        described = (await _page(rig.url, "/openapi.json")).json()
    assert len(read.ids) == len(set(read.ids))
    assert {link[1:] for link in read.links if link.startswith("#")} <= set(read.ids)
    names = {each["operationId"] for methods in described["paths"].values() for each in methods.values()}
    assert names <= set(read.ids)


async def test_a_page_that_has_not_changed_is_not_sent_again(tmp_path: Path) -> None:
    async with api(tmp_path) as rig, httpx.AsyncClient(base_url=rig.url) as client:
        first = await client.get("/docs")
        again = await client.get("/docs", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
async def test_a_browser_runs_its_script_under_its_policy(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        command = [
            str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000",
            f"--user-data-dir={tmp_path}/browser", "--dump-dom", f"{rig.url}/docs",
        ]  # fmt: skip
        with anyio.fail_after(50):
            done = await anyio.run_process(command, stderr=subprocess.DEVNULL)
    text = done.stdout.decode()
    assert 'placeholder="Find an endpoint"' in text
    assert text.count("Copy</button>") > 10

"""The text of the documentation page. Everything that comes from the table is escaped on its way."""

import json
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from pydantic.json_schema import JsonSchemaValue

from gateway.web.api import openapi
from gateway.web.api.endpoint import AnyEndpoint, Header, Media, Nothing
from gateway.web.api.page_words import example, kind_of
from gateway.web.api.problem import Kind
from gateway.web.api.scopes import WORDS

_CODE: Final = re.compile(r"`([^`]+)`")
_PLACE: Final = re.compile(r"(\{[^}]*\})")
_WHAT: Final = {
    "path": "Path",
    "query": "Query",
    "header": "Headers",
}


def page(table: Sequence[AnyEndpoint], document: JsonSchemaValue) -> str:
    """The whole page."""
    groups = list(dict.fromkeys(each.group for each in table))
    sections = "".join(_group(group, table, document) for group in groups)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        "<title>Vatel gateway: API</title>\n"
        '<link rel="icon" href="data:,">\n<link rel="stylesheet" href="/docs/page.css">\n'
        '<script src="/docs/page.js" defer></script>\n</head>\n<body>\n'
        '<a class="skip" href="#main">Skip to the text</a>\n'
        f'{_contents(groups, table)}\n<main id="main">\n{_beginning(document)}{sections}'
        f"{_problems()}{_types(document)}</main>\n</body>\n</html>\n"
    )


def _contents(groups: Sequence[str], table: Sequence[AnyEndpoint]) -> str:
    lists = "".join(
        f"<h2>{escape(group)}</h2><ul>{''.join(_link(each) for each in table if each.group == group)}</ul>"
        for group in groups
    )
    more = (
        '<h2>More</h2><ul><li><a href="#keys-and-scopes">Keys and scopes</a></li>'
        '<li><a href="#problems">Problems</a></li><li><a href="#types">Types</a></li></ul>'
    )
    brand = '<p class="brand"><a href="#main">Vatel gateway</a></p>'
    return f'<nav aria-label="Contents">{brand}{lists}{more}</nav>'


def _link(endpoint: AnyEndpoint) -> str:
    words = f"{endpoint.method} {endpoint.path} {endpoint.summary}".lower()
    return (
        f'<li data-words="{escape(words)}"><a href="#{endpoint.name}">{_method(endpoint)}'
        f"<span>{escape(endpoint.summary)}</span></a></li>"
    )


def _beginning(document: JsonSchemaValue) -> str:
    scopes = _rows(
        f"<th scope=row><code>{scope}</code></th><td>{_text(words)}</td>" for scope, words in WORDS.items()
    )
    curl = 'curl -H "Authorization: Bearer $GATEWAY_API_KEY" https://gateway.example.com/v1/'
    return (
        f"<header><h1>API</h1><p class=lead>{_text(openapi.ABOUT)}</p>"
        f"<p>Version {escape(document['info']['version'])}. For programs: "
        '<a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).</p></header>'
        '<section id="keys-and-scopes"><h2>Keys and scopes</h2>'
        "<p>Every request shows a key. Make one with <code>vatel-gateway keys create</code> or "
        '<a href="#create_key">here</a>; the key of the setting <code>GATEWAY_API_KEY</code> may do '
        "everything. Each key has a rate; the headers <code>RateLimit</code> and "
        "<code>RateLimit-Policy</code> tell how it stands, and 429 comes with <code>Retry-After</code>.</p>"
        f"{_curl(curl)}{_table(('scope', 'what it allows'), scopes)}</section>"
    )


def _group(group: str, table: Sequence[AnyEndpoint], document: JsonSchemaValue) -> str:
    inner = "".join(_endpoint(each, document) for each in table if each.group == group)
    return f"<section><h2>{escape(group)}</h2>{inner}</section>"


def _endpoint(endpoint: AnyEndpoint, document: JsonSchemaValue) -> str:
    operation = document["paths"][endpoint.path][endpoint.method.lower()]
    scope = f"<p class=scope>Scope <code>{endpoint.scope}</code></p>" if endpoint.scope else ""
    description = f"<p>{_text(endpoint.description)}</p>" if endpoint.description else ""
    return (
        f'<article id="{endpoint.name}"><h3><a href="#{endpoint.name}">{escape(endpoint.summary)}</a></h3>'
        f"<p class=address>{_method(endpoint)}<code>{_address(endpoint.path)}</code></p>{scope}{description}"
        f"{_parameters(operation)}{_body(operation, document)}{_curl(_command(endpoint, document))}"
        f"{_answers(endpoint, operation)}</article>"
    )


def _parameters(operation: JsonSchemaValue) -> str:
    text = ""
    for where, title in _WHAT.items():
        rows = [
            _field(each["name"], each["schema"], each["description"], each["required"])
            for each in operation["parameters"]
            if each["in"] == where
        ]
        if rows:
            text += f"<h4>{title}</h4>{_table(('name', 'type', 'what it is'), _rows(rows))}"
    return text


def _body(operation: JsonSchemaValue, document: JsonSchemaValue) -> str:
    if "requestBody" not in operation:
        return ""
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    body = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
    return f"<h4>Body</h4><p>{kind_of(schema)}, as <code>application/json</code></p>{_fields(body)}"


def _fields(schema: JsonSchemaValue) -> str:
    """The fields of a type."""
    required = schema.get("required", ())
    rows = _rows(
        _field(each, value, value.get("description", ""), each in required)
        for each, value in schema.get("properties", {}).items()
    )
    return _table(("field", "type", "what it is"), rows) if rows else ""


def _answers(endpoint: AnyEndpoint, operation: JsonSchemaValue) -> str:
    rows = []
    for status, when in openapi.successes(endpoint).items():
        content = operation["responses"][str(status)].get("content", {})
        kinds = [
            kind_of(each["schema"]) if each.get("schema") else f"<code>{name}</code>"
            for name, each in content.items()
        ]
        answer = " or ".join(kinds) or "nothing"
        rows.append(f"<th scope=row class=good>{status}</th><td>{answer}</td><td>{_text(when)}</td>")
    for status, problems in openapi.problems(endpoint).items():
        links = ", ".join(f'<a href="#problem-{each.slug}">{each.slug}</a>' for each in problems)
        titles = "; ".join(each.title for each in problems)
        rows.append(f"<th scope=row class=bad>{status}</th><td>{links}</td><td>{escape(titles)}</td>")
    head = ("status", "answer", "when")
    return f"<details><summary>Answers</summary>{_table(head, _rows(rows))}{_headers(endpoint)}</details>"


def _headers(endpoint: AnyEndpoint) -> str:
    def line(header: Header) -> str:
        return f"<li><code>{escape(header.name)}</code>: {_text(header.description)}</li>"

    lines = "".join(line(each) for each in endpoint.answer_headers)
    return f"<p>Headers of the answer:</p><ul>{lines}</ul>" if lines else ""


def _problems() -> str:
    rows = _rows(
        f'<th scope=row id="problem-{kind.slug}"><code>{kind.slug}</code></th><td>{kind.status}</td>'
        f"<td>{escape(kind.title)}</td>"
        for kind in Kind
    )
    return (
        '<section id="problems"><h2>Problems</h2><p>What goes wrong is answered as '
        '<a href="https://www.rfc-editor.org/rfc/rfc9457">RFC 9457</a> writes it, with '
        f"<code>errors</code> naming each field that is wrong: {kind_of({'$ref': '/ProblemAnswer'})}. "
        "The <code>type</code> is one of these, as an address on this page.</p>"
        f"{_table(('kind', 'status', 'what it is'), rows)}</section>"
    )


def _types(document: JsonSchemaValue) -> str:
    schemas = document["components"]["schemas"]
    types = "".join(_type(name, schemas[name]) for name in sorted(schemas))
    return f'<section id="types"><h2>Types</h2>{types}</section>'


def _type(name: str, schema: JsonSchemaValue) -> str:
    title = f'<article id="type-{escape(name)}"><h3><a href="#type-{escape(name)}">{escape(name)}</a></h3>'
    text = f"<p>{_text(schema.get('description', ''))}</p>"
    if "properties" not in schema:
        return f"{title}{text}<p>{kind_of(schema)}</p></article>"
    return f"{title}{text}{_fields(schema)}</article>"


def _field(name: str, schema: JsonSchemaValue, description: str, required: bool) -> str:
    mark = ' <em title="required">required</em>' if required else ""
    words = _text(description)
    if schema.get("default") is not None:
        words += f" By default <code>{escape(str(schema['default']))}</code>."
    elif schema.get("examples"):
        words += f" Such as <code>{escape(json.dumps(schema['examples'][0]).strip(chr(34)))}</code>."
    return f"<th scope=row><code>{escape(name)}</code>{mark}</th><td>{kind_of(schema)}</td><td>{words}</td>"


def _command(endpoint: AnyEndpoint, document: JsonSchemaValue) -> str:
    """How one asks, to be copied."""
    lines = ["curl"]
    plain = "GET" if endpoint.body is Nothing else "POST"  # what curl does by itself
    lines += [f"-X {endpoint.method}"] if endpoint.method != plain else []
    lines += ["-O -J"] if isinstance(endpoint.answer, Media) else []
    lines += ['-H "Authorization: Bearer $GATEWAY_API_KEY"']
    if endpoint.body is not Nothing:
        lines.append(f"--json '{example(document, endpoint.body.__name__)}'")
    return " ".join([*lines, f"'https://gateway.example.com{endpoint.path}'"])


def _curl(command: str) -> str:
    return f"<pre class=command><code>{escape(command)}</code></pre>"


def _method(endpoint: AnyEndpoint) -> str:
    return f'<b class="method {endpoint.method.lower()}">{endpoint.method}</b>'


def _address(path: str) -> str:
    return _PLACE.sub(r"<var>\1</var>", escape(path))


def _table(head: Sequence[str], rows: str) -> str:
    titles = "".join(f"<th scope=col>{escape(each)}</th>" for each in head)
    return f"<div class=table><table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table></div>"


def _rows(rows: Iterable[str]) -> str:
    return "".join(f"<tr>{row}</tr>" for row in rows)


def _text(text: str) -> str:
    """A sentence; what stands between backticks is code."""
    return _CODE.sub(r"<code>\1</code>", escape(" ".join(text.split())))

"""JSON schemas in words, and as an example."""

import json
from html import escape

from pydantic.json_schema import JsonSchemaValue

_FORMATS = {"date-time": "time", "binary": "bytes", "uri": "address"}


def kind_of(schema: JsonSchemaValue) -> str:
    """What a value is, as HTML; types of the document are links."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#type-{name}">{name}</a>'
    if len(schema.get("allOf", ())) == 1:
        return kind_of(schema["allOf"][0])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind_of(each) for each in schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " | ".join(f"<code>{escape(str(each))}</code>" for each in values)
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    kind = _FORMATS.get(schema.get("format", ""), schema.get("type", "anything"))
    return escape(f"{kind}{_bounds(schema)}")


def _bounds(schema: JsonSchemaValue) -> str:
    low = schema.get("minimum", schema.get("minLength"))
    high = schema.get("maximum", schema.get("maxLength"))
    unit = " characters" if schema.get("type") == "string" else ""
    if low is not None and high is not None:
        return f", {low} to {high}{unit}"
    if high is not None:
        return f", at most {high}{unit}"
    return f", at least {low}{unit}" if low is not None else ""


def example(document: JsonSchemaValue, name: str) -> str:
    """A value of a type: what its fields have as examples."""
    properties = document["components"]["schemas"].get(name, {}).get("properties", {})
    found = {field: each["examples"][0] for field, each in properties.items() if each.get("examples")}
    return json.dumps(found, ensure_ascii=False).replace("'", "\u2019")

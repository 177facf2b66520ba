"""Messages, instructions, tools and documents: JSON text on spans, structures on events, and what is in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from .expectations import Expectations
from .finding import Finding
from .registry import CONVENTIONS
from .rules import PARTS, RELEASED_FIELDS, SCHEMAS, STOPS, VARIABLE, broken

_MESSAGES = ("gen_ai.input.messages", "gen_ai.output.messages")


def check_content(
    expect: Expectations, signal: str, attributes: Mapping[str, Any], on_span: bool
) -> Iterator[Finding]:
    """All content of one span or event, in the form that belongs there."""
    if STOPS in attributes and not expect.captures("span" if on_span else "event"):
        yield broken("content.off", signal, STOPS, attributes[STOPS])
    for key in attributes:
        if key.startswith(f"{VARIABLE}.") and not expect.captures("span" if on_span else "event"):
            yield broken("content.off", signal, key, attributes[key])
    for key in SCHEMAS:
        if key not in attributes:
            continue
        if not expect.captures("span" if on_span else "event"):
            yield broken("content.off", signal, key, attributes[key])
        value, problem = _structure(signal, key, attributes[key], on_span)
        if problem is not None:
            yield problem
            continue
        yield from _check_schema(signal, key, value)
        if expect.chosen(("released",)):
            yield from _check_released(signal, key, value)
        if isinstance(value, list):
            yield from _check_items(signal, key, value)
    yield from _check_count(signal, attributes)


def _structure(signal: str, key: str, value: Any, on_span: bool) -> tuple[Any, Finding | None]:
    if not on_span:
        return _plain(value), broken("content.structured", signal, key, value) if isinstance(
            value, str
        ) else None
    try:
        return json.loads(value), None
    except (TypeError, ValueError):
        return None, broken("content.json", signal, key, value)


def _plain(value: Any) -> Any:
    """Tuples as lists, in which form the SDK may keep them."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


@cache
def _validator(schema: str, definition: str = "") -> Draft202012Validator:
    found = json.loads((CONVENTIONS / "schemas" / f"{schema}.json").read_text())
    if definition:
        found = {"$defs": found["$defs"], "$ref": f"#/$defs/{definition}"}
    return Draft202012Validator(found)


def _check_schema(signal: str, key: str, value: Any) -> Iterator[Finding]:
    for error in _validator(SCHEMAS[key]).iter_errors(value):
        yield broken("content.schema", signal, f"{key}{error.json_path[1:]}", error.message)


def _check_released(signal: str, key: str, value: Any) -> Iterator[Finding]:
    for position, item in enumerate(value if key in RELEASED_FIELDS else ()):
        for name, kind in RELEASED_FIELDS[key].items():
            allowed = (float, int) if kind is float else kind
            if not isinstance(item.get(name), allowed):
                yield broken(
                    "content.released", signal, f"{key}[{position}].{name}", item.get(name)
                )


def _check_items(signal: str, key: str, value: list[Any]) -> Iterator[Finding]:
    for position, item in enumerate(item for item in value if isinstance(item, dict)):
        place = f"{key}[{position}]"
        if key in _MESSAGES:
            for number, part in enumerate(item.get("parts") or ()):
                yield from _check_part(signal, f"{place}.parts[{number}]", part)
        elif key == "gen_ai.system_instructions":
            yield from _check_part(signal, place, item)
        elif key == "gen_ai.tool.definitions" and item.get("type") == "function":
            for error in _validator(SCHEMAS[key], "FunctionToolDefinition").iter_errors(item):
                yield broken("content.part", signal, place, error.message)


def _check_part(signal: str, place: str, part: Any) -> Iterator[Finding]:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        return  # the schema has said so
    definition = PARTS.get(part["type"])
    if definition is None:
        yield broken("value.enum", signal, f"{place}.type", part["type"])
        return
    schema = SCHEMAS["gen_ai.input.messages"]
    if definition not in _validator(schema).schema["$defs"]:
        schema = SCHEMAS["gen_ai.output.messages"]
    for error in _validator(schema, definition).iter_errors(part):
        yield broken("content.part", signal, place, error.message)
    if part["type"] in ("text", "reasoning") and "\0" in str(part.get("content")):
        yield broken("content.binary", signal, place, part["content"])
    uri = part.get("uri")
    if part["type"] == "uri" and (not uri or str(uri).startswith("data:")):
        yield broken("content.part", signal, f"{place}.uri", uri)


def _check_count(signal: str, attributes: Mapping[str, Any]) -> Iterator[Finding]:
    said, reasons = (
        attributes.get("gen_ai.output.messages"),
        attributes.get("gen_ai.response.finish_reasons"),
    )
    try:
        messages = json.loads(said) if isinstance(said, str) else said or ()
    except ValueError:
        return
    if reasons is not None and len(messages) > len(reasons):
        yield broken(
            "content.messages",
            signal,
            "gen_ai.output.messages",
            f"{len(messages)} and {list(reasons)}",
        )

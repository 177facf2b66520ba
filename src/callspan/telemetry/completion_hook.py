"""Hooks of OpenTelemetry's `util-genai`: packages that take the content of each call elsewhere.

Seen with opentelemetry-util-genai 1.3. A hook gets all captured content, after redaction, whole.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import fields
from types import ModuleType
from typing import Any

from opentelemetry._logs import LogRecord

from callspan.runtime import guard
from callspan.semconv import names

VARIABLE = "OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK"
UPLOAD = "upload"
"""The hook that we have ourselves, for want of the package (`content/uploads.py`)."""
_GROUP = "opentelemetry_genai_completion_hook"
_TYPES = "opentelemetry.util.genai.types"


class CompletionHook:
    """Calls a hook of another package with the content of calls.

    Args:
        hook: The package's object, with a method `on_completion`.
        types: The module that has the classes of messages and their parts.
    """

    def __init__(self, hook: Any, types: ModuleType) -> None:
        self._hook = hook
        self._types = types
        self._part_classes = _classes_by_type(types)

    def complete(self, values: Mapping[str, Any], span: Any) -> Mapping[str, Any]:
        """Call the hook with the content of a call.

        Args:
            values: The content by attribute, as plain data.
            span: The span of the call, on which the hook may set attributes.

        Returns:
            The attributes that it sets on the event of the call.
        """
        record = LogRecord(attributes={})
        try:
            self._hook.on_completion(
                inputs=[self._message(item) for item in values.get(names.INPUT_MESSAGES, ())],
                outputs=[self._answer(item) for item in values.get(names.OUTPUT_MESSAGES, ())],
                system_instruction=self._parts(values.get(names.SYSTEM_INSTRUCTIONS, ())),
                tool_definitions=self._tools(values.get(names.TOOL_DEFINITIONS, ())),
                span=span,
                log_record=record,
            )
        except Exception as error:  # noqa: BLE001  a hook of others must not stop the app
            guard.report("calling a completion hook", error)
        return record.attributes or {}

    def _message(self, item: Mapping[str, Any]) -> Any:
        return self._types.InputMessage(role=item["role"], parts=self._parts(item["parts"]))

    def _answer(self, item: Mapping[str, Any]) -> Any:
        parts = self._parts(item["parts"])
        reason = item.get("finish_reason") or ""
        return self._types.OutputMessage(role=item["role"], parts=parts, finish_reason=reason)

    def _parts(self, items: Any) -> list[Any]:
        return [self._part(item) for item in items]

    def _part(self, item: Mapping[str, Any]) -> Any:
        part_class = self._part_classes.get(item["type"])
        if part_class is None:
            return self._types.GenericPart(type=item["type"])
        return _made(part_class, item)

    def _tools(self, items: Any) -> list[Any] | None:
        tools: list[Any] = []
        for item in items:
            if item.get("type") == "function":
                tools.append(_made(self._types.FunctionToolDefinition, item))
            else:
                name, kind = str(item.get("name") or ""), str(item.get("type") or "")
                tools.append(self._types.GenericToolDefinition(name=name, type=kind))
        return tools or None


def _made(dataclass: Any, item: Mapping[str, Any]) -> Any:
    """Return an object of a class, with the values of an item for its fields."""
    return dataclass(**{field.name: item.get(field.name) for field in fields(dataclass)})


def _classes_by_type(types: ModuleType) -> dict[str, Any]:
    """Return the classes of parts by the value of their field `type`."""
    classes: dict[str, Any] = {}
    for value in vars(types).values():
        kinds = getattr(value, "__dataclass_fields__", {})
        if isinstance(value, type) and "type" in kinds and isinstance(kinds["type"].default, str):
            classes[kinds["type"].default] = value
    return classes


def load(environ: Mapping[str, str] = os.environ) -> CompletionHook | None:
    """Return the hook that the variable names, or `None`; a wrong name is told once."""
    name = environ.get(VARIABLE, "").strip()
    if not name:
        return None
    # most programs name none, and need not import it
    from importlib.metadata import entry_points

    try:
        for entry in entry_points(group=_GROUP, name=name):
            return CompletionHook(entry.load()(), importlib.import_module(_TYPES))
    except Exception as error:  # noqa: BLE001  a hook of others may fail in any way
        guard.say_once(f"{VARIABLE}: the hook {name!r} cannot be loaded ({error})")
        return None
    if name != UPLOAD:
        guard.say_once(f"{VARIABLE} is {name!r}, but no package that is installed has such a hook")
    return None

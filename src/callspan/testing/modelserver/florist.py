"""The default model: a florist who knows a few flowers and can use tools."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from .exchange import to_json
from .reply import Reply, ToolCall
from .text import joined

# The first word found in the last message decides.
_TOPICS = {
    "昨天": "记得,您昨天来是为姐姐的生日买花束,她喜欢粉色玫瑰。",
    "颜色": "粉色的玫瑰温柔又喜庆,我们为她配上满天星。",
    "生日": "生日适合送粉玫瑰、百合和向日葵。",
    "poem": (
        "A tulip woke before the sun,\nand shook the dew off, one by one.\n"
        '"Good morning, rose," it softly said.\nThe rose blushed twice, and stayed in bed.'
    ),
    "tulip": "Cut tulips last about six days: fresh cold water, a cool room, no fruit bowl beside them.",
    "rose": "Cut the stems of roses at a slant, change the water every second day: they last a week.",
    "orchid": "Give an orchid a bright window without midday sun, and a small glass of water once a week.",
    "cactus": "A cactus is happy with sun and one sip of water a month. It forgives almost everything.",
    "wedding": "For a wedding I would take white peonies with eucalyptus: light, and they smell of June.",
}
# A model's answer is short, however long the question: so are the florist's.
_MOST_READ = 100_000  # characters of a message
_MOST_REPEATED = 1000  # characters, of a tool's answer or in the arguments of one call
_MOST_CALLS = 8
_SUM = re.compile(r"(\d{1,9}) \+ (\d{1,9}) = ?$")


def completed(reply: Reply, body: dict[str, Any]) -> Reply:
    """The reply with the default answer filled in where it scripts none."""
    if reply.text is not None or reply.tool_calls or reply.reasoning:
        return reply
    role, message = _last(body)
    if role == "tool":
        return replace(reply, text=f"I looked it up: {message[:_MOST_REPEATED]}")
    calls = _tool_calls(body, message)
    return replace(reply, tool_calls=calls) if calls else replace(reply, text=_speak(message))


def _speak(message: str) -> str:
    if asked := _SUM.search(message):
        return str(int(asked[1]) + int(asked[2]))
    known = next((answer for word, answer in _TOPICS.items() if word in message.lower()), None)
    return known or f'You said: "{message[:200]}". I would say it with flowers.'


def _last(body: dict[str, Any]) -> tuple[str, str]:
    """Who spoke last, and what; works for chat messages, Responses input and a plain prompt."""
    said = body.get("messages") or body.get("input") or body.get("prompt") or ""
    last = said[-1] if isinstance(said, list) and said else said
    if not isinstance(last, dict):
        return "user", joined(last)[:_MOST_READ]
    is_result = last.get("type") == "function_call_output" or last.get("role") == "tool"
    return ("tool" if is_result else str(last.get("role", "user"))), joined(last)[:_MOST_READ]


def _tool_calls(body: dict[str, Any], message: str) -> tuple[ToolCall, ...]:
    choice = body.get("tool_choice", "auto")
    functions = [tool for tool in body.get("tools") or () if tool.get("type") == "function"]
    specs = [tool.get("function") or tool for tool in functions]
    if choice == "required":
        specs = specs[:1]
    elif isinstance(choice, dict):
        wanted = (choice.get("function") or choice).get("name")
        specs = [spec for spec in specs if spec["name"] == wanted]
    else:
        specs = [
            spec for spec in specs if choice != "none" and _is_mentioned(spec["name"], message)
        ]
    return tuple(_call(spec, message) for spec in specs[:_MOST_CALLS])


def _call(spec: dict[str, Any], message: str) -> ToolCall:
    return ToolCall(spec["name"], _arguments(spec.get("parameters") or {}, message))


def _is_mentioned(name: str, message: str) -> bool:
    """A message about the price mentions `flower_price`: any word of the name will do."""
    said = message.lower()
    words = [name.lower(), *(word for word in name.lower().split("_") if len(word) > 3)]
    return any(word in said for word in words)


def _arguments(schema: dict[str, Any], message: str) -> str:
    values: dict[str, Any] = {}
    size = 0
    for name, kind in (schema.get("properties") or {}).items():
        value = _value(kind, message)
        size += len(to_json({name: value}))
        if size > _MOST_REPEATED:
            break
        values[name] = value
    return to_json(values).decode()


def _value(kind: Any, message: str) -> Any:
    """What the message says that fits: a word of the enum, the first number, else the last word."""
    if not isinstance(kind, dict):  # true stands for a schema that takes anything
        kind = {}
    if options := kind.get("enum"):
        return next(
            (option for option in options if str(option).lower() in message.lower()), options[0]
        )
    if kind.get("type") in ("integer", "number"):
        found = re.search(r"\d{1,15}", message)
        return int(found.group()) if found else 1
    if kind.get("type") == "boolean":
        return True
    words = re.findall(r"\w+", message)
    return words[-1] if words else ""

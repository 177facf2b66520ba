"""The default model: a florist who knows a few flowers and can use tools."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from .exchange import JsonObject, optional_array, optional_object, to_json
from .reply import Reply, ToolCall
from .text import joined

# The first of these words that the last message has decides.
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


def complete(reply: Reply, body: JsonObject) -> Reply:
    """Return the reply, with the florist's answer where it scripts none."""
    if reply.text is not None or reply.tool_calls or reply.reasoning:
        return reply
    role, message = _last_message(body)
    if role == "tool":
        return replace(reply, text=f"I looked it up: {message[:_MOST_REPEATED]}")
    calls = _tool_calls(body, message)
    if calls:
        return replace(reply, tool_calls=calls)
    return replace(reply, text=_speak(message))


def _speak(message: str) -> str:
    addition = _SUM.search(message)
    if addition:
        return str(int(addition[1]) + int(addition[2]))
    lower = message.lower()
    for word, answer in _TOPICS.items():
        if word in lower:
            return answer
    return f'You said: "{message[:200]}". I would say it with flowers.'


def _last_message(body: JsonObject) -> tuple[str, str]:
    """Return the role and the text of the last message.

    It may stand in chat messages, in the input of a response, or be a plain prompt.
    """
    messages = body.get("messages") or body.get("input") or body.get("prompt") or ""
    last = messages
    if isinstance(messages, list) and messages:
        last = messages[-1]
    role = "user"
    if isinstance(last, dict):
        role = _role(last)
    return role, joined(last)[:_MOST_READ]


def _role(message: JsonObject) -> str:
    """Return who speaks; the results of tools have a type in place of it in the responses API."""
    if message.get("type") == "function_call_output":
        return "tool"
    return str(message.get("role", "user"))


def _tool_calls(body: JsonObject, message: str) -> tuple[ToolCall, ...]:
    """Return the calls of the tools that the request demands, or else the message mentions."""
    functions: list[JsonObject] = []
    for tool in optional_array(body, "tools"):
        if tool.get("type") == "function":
            # Chat has the function within the tool; in Responses the tool is the function.
            functions.append(tool.get("function") or tool)
    functions = _choose(functions, body.get("tool_choice", "auto"), message)
    return tuple(_call(function, message) for function in functions[:_MOST_CALLS])


def _choose(functions: list[JsonObject], choice: Any, message: str) -> list[JsonObject]:
    """Return the functions that a `tool_choice` makes the florist call."""
    if choice == "none":
        return []
    if choice == "required":
        return functions[:1]
    if isinstance(choice, dict):
        name = (choice.get("function") or choice).get("name")
        return [function for function in functions if function["name"] == name]
    return [function for function in functions if _is_mentioned(function["name"], message)]


def _call(function: JsonObject, message: str) -> ToolCall:
    return ToolCall(function["name"], _arguments(optional_object(function, "parameters"), message))


def _is_mentioned(name: str, message: str) -> bool:
    """Whether a message mentions a tool: one about the price mentions `flower_price`."""
    name = name.lower()
    words = [name, *(word for word in name.split("_") if len(word) > 3)]
    lower = message.lower()
    return any(word in lower for word in words)


def _arguments(schema: JsonObject, message: str) -> str:
    """Return a value for each parameter as JSON text, as far as the limit allows."""
    arguments: JsonObject = {}
    size = 0
    for name, parameter in optional_object(schema, "properties").items():
        value = _value(parameter, message)
        size += len(to_json({name: value}))
        if size > _MOST_REPEATED:
            break
        arguments[name] = value
    return to_json(arguments).decode()


def _value(parameter: Any, message: str) -> Any:
    """Return a value of the message that fits a parameter.

    That is a word of the enum, the first number, or else the last word.
    """
    schema = parameter if isinstance(parameter, dict) else {}  # true allows anything
    options = schema.get("enum")
    if options:
        return _option(options, message)
    kind = schema.get("type")
    if kind in ("integer", "number"):
        number = re.search(r"\d{1,15}", message)
        return int(number.group()) if number else 1
    if kind == "boolean":
        return True
    words = re.findall(r"\w+", message)
    return words[-1] if words else ""


def _option(options: list[Any], message: str) -> Any:
    lower = message.lower()
    for option in options:
        if str(option).lower() in lower:
            return option
    return options[0]

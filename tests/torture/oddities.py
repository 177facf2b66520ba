"""Odd JSON: values that no provider should send, and edits that put them into what one did send."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as some

Draw = Callable[[Any], Any]


def _deep(depth: int) -> Any:
    value: Any = "deep"
    for level in range(depth):
        value = [value] if level % 2 else {"inner": value}
    return value


ODD = (
    *(None, True, False, 0, 1, -1, 7, 2**31, 2**63, -(2**63) - 1, 10**40, 0.5, -0.0, 1e308),
    *(float("nan"), float("inf"), float("-inf")),
    *(
        "",
        " ",
        "\0",
        "\ud800",
        "a\udfffz",
        "\u2028",
        "\N{BLOSSOM}" * 3,
        "x" * 5000,
        "null",
        "NaN",
        '{"a":',
        "[DONE]",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        [{}],
        {"": None},
        {"type": []},
        ["a", 1, None],
        {"type": "unheard_of"},
        {"index": 10**12},
    ),
    *(_deep(20), _deep(200)),
)
VALUES = some.one_of(
    some.sampled_from(ODD),
    some.recursive(
        some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=8),
        lambda inner: (
            some.lists(inner, max_size=3)
            | some.dictionaries(some.text(max_size=6), inner, max_size=3)
        ),
        max_leaves=6,
    ),
)


def _any_place(draw: Draw, whole: list[Any]) -> tuple[Any, Any]:
    """A container, at any depth, with one of its keys."""
    places: list[tuple[Any, Any]] = []
    containers: list[Any] = [whole]
    for container in containers:
        for key, inner in list(
            container.items() if isinstance(container, dict) else enumerate(container)
        ):
            places.append((container, key))
            containers += [inner] if isinstance(inner, dict | list) else []
    return places[draw(some.integers(0, len(places) - 1))]


def replace(draw: Draw, whole: list[Any]) -> None:
    """Put an odd value in the place of a sensible one."""
    container, key = _any_place(draw, whole)
    container[key] = copy.deepcopy(draw(VALUES))


def remove(draw: Draw, whole: list[Any]) -> None:
    """Take a field, an item or an event away."""
    container, key = _any_place(draw, whole)
    if len(whole) > 1 or container is not whole:
        del container[key]


def repeat(draw: Draw, whole: list[Any]) -> None:
    """Say one of them twice, or the same in another place."""
    place, other = draw(some.integers(0, len(whole) - 1)), draw(some.integers(0, len(whole)))
    whole.insert(other, copy.deepcopy(whole[place]))


def move(draw: Draw, whole: list[Any]) -> None:
    """Let one come in another's place."""
    whole.insert(
        draw(some.integers(0, len(whole) - 1)), whole.pop(draw(some.integers(0, len(whole) - 1)))
    )


def exchange(draw: Draw, whole: list[Any]) -> None:
    """Put what stands in one place into another as well."""
    (source, name), (target, key) = _any_place(draw, whole), _any_place(draw, whole)
    target[key] = copy.deepcopy(source[name])


def rename(draw: Draw, whole: list[Any]) -> None:
    """Give a field a name that nobody knows."""
    container, key = _any_place(draw, whole)
    if isinstance(container, dict):
        container[f"{key}_of_tomorrow"] = container.pop(key)


EDITS = (replace, replace, replace, remove, repeat, move, exchange, rename)


@some.composite
def edited(draw: Draw, original: list[Any], most: int = 4) -> list[Any]:
    """A copy of a list of JSON values with some edits made to it."""
    whole = copy.deepcopy(original)
    for edit in draw(some.lists(some.sampled_from(EDITS), max_size=most)):
        edit(draw, whole)
    return whole


# -- bodies ------------------------------------------------------------------------------------------------------------


def frames(body: bytes) -> list[Any]:
    """The events of a recorded stream, as `{"event", "data"}`, with the data as JSON where it is some."""
    found = []
    for block in body.decode().replace("\r\n", "\n").split("\n\n"):
        lines = dict(
            line.split(": ", 1)
            for line in block.splitlines()
            if ": " in line and not line.startswith(":")
        )
        if "data" in lines:
            data = lines["data"]
            found.append({**lines, "data": data if data.startswith("[DONE") else json.loads(data)})
    return found


def written(events: list[Any]) -> bytes:
    """Such events as the body of a stream; one that is none is written as a line of its own."""
    return b"".join(map(_frame, events))


def _frame(event: Any) -> bytes:
    if not isinstance(event, dict):
        return _text(event) + b"\n\n"
    return (
        b"".join(_text(str(name)) + b": " + _text(value) + b"\n" for name, value in event.items())
        + b"\n"
    )


def _text(value: Any) -> bytes:
    return (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "replace")


@some.composite
def damaged(draw: Draw, body: bytes) -> bytes:
    """A body that is cut short, or has bytes in it that are no text."""
    place = draw(some.integers(0, len(body)))
    match draw(some.sampled_from(["whole", "whole", "whole", "cut", "bytes"])):
        case "cut":
            return body[:place]
        case "bytes":
            strange = draw(some.sampled_from([b"\xff\xfe", b"\0", b"\n", b"\n\n", b"data:", b"}"]))
            return body[:place] + strange + body[place:]
        case _:
            return body


@some.composite
def pieces(draw: Draw, body: bytes) -> list[bytes]:
    """A body as it may come over the network, in several pieces."""
    cuts = sorted(draw(some.lists(some.integers(0, len(body)), max_size=3)))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]

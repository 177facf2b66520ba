"""The page of Python names: signatures and docstrings of all that `callspan` makes public."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import callspan
from callspan.events.handler import HandlesEnd, HandlesError, HandlesStart, HandlesToken

_START = """\
# Python

All names are imported from `callspan`. Importing it costs next to nothing; a name is loaded at its first use.
"""
_HANDLER_METHODS = (
    HandlesStart.on_start,
    HandlesToken.on_token,
    HandlesEnd.on_end,
    HandlesError.on_error,
)
_ENTRY = re.compile(r"^ {4}(\*{0,2}\w+): ")
"""The start of an argument or attribute in a docstring."""


def python_page() -> str:
    """Return the page of public functions first, then of classes."""
    names = [name for name in callspan.__all__ if not name.startswith("_")]
    functions = [name for name in names if inspect.isfunction(getattr(callspan, name))]
    classes = [name for name in names if inspect.isclass(getattr(callspan, name))]
    sections = [_START, *map(_function, functions), *map(_class, classes), _handler_types()]
    return "\n".join(sections)


def _function(name: str) -> str:
    function = getattr(callspan, name)
    return "\n".join([f"## {name}", "", *_signature(name, function), *_docstring(function)])


def _class(name: str) -> str:
    cls = getattr(callspan, name)
    lines = [f"## {name}", ""]
    text = str(inspect.getdoc(cls))
    # the others are made by callspan alone
    if "\nArgs:" in text:
        lines += _signature(name, cls)
    lines += _docstring(cls)
    if name == "Handler":
        for method in _HANDLER_METHODS:
            lines += [f"### {method.__name__}", "", *_signature(method.__name__, method)]
            lines += _docstring(method)
    return "\n".join(lines)


def _handler_types() -> str:
    return (
        "## AnyHandler\n\nThe type of handlers: an object with one or more of the methods of "
        "[`Handler`](#handler).\n"
    )


def _signature(name: str, function: object) -> list[str]:
    """Return a block with a signature, each argument in a line of its own."""
    signature = inspect.signature(function)  # type: ignore[arg-type]
    arguments: list[str] = []
    has_star = False
    for parameter in signature.parameters.values():
        is_keyword = parameter.kind is inspect.Parameter.KEYWORD_ONLY
        if is_keyword and not has_star:
            arguments.append("    *,")
            has_star = True
        has_star = has_star or parameter.kind is inspect.Parameter.VAR_POSITIONAL
        arguments.append(f"    {_argument(parameter)},")
    if inspect.isclass(function):
        inner = ["self,", *(line.strip() for line in arguments)]
        start = [f"class {name}:", "    def __init__("]
        lines = [*start, *(f"        {line}" for line in inner), "    ) -> None: ..."]
    elif arguments:
        lines = [f"def {name}(", *arguments, f") -> {_type_text(signature.return_annotation)}: ..."]
    else:
        lines = [f"def {name}() -> {_type_text(signature.return_annotation)}: ..."]
    return ["```python", *lines, "```", ""]


def _argument(parameter: inspect.Parameter) -> str:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    text = f"{stars.get(parameter.kind, '')}{parameter.name}"
    if parameter.annotation is not inspect.Parameter.empty:
        text += f": {_type_text(parameter.annotation)}"
    if parameter.default is not inspect.Parameter.empty:
        text += f" = {_default(parameter.default)}"
    return text


def _default(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _type_text(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else str(annotation)


def _docstring(documented: object) -> list[str]:
    """Return a docstring in Google's style as Markdown."""
    return [*_markdown_lines(str(inspect.getdoc(documented)))]


def _markdown_lines(text: str) -> Iterator[str]:
    lines = iter(text.splitlines())
    for line in lines:
        if not re.fullmatch(r"(Args|Attributes|Returns|Raises|Yields):", line):
            yield line
            continue
        yield f"**{line.removesuffix(':')}**"
        yield ""
        has_entries = line not in ("Returns:", "Yields:")
        for inner in lines:
            if not inner:
                break
            yield _entry(inner) if has_entries else inner.strip()
        yield ""
    yield ""


def _entry(line: str) -> str:
    """Return a line of a list of arguments; an argument of its own begins an item."""
    match = _ENTRY.match(line)
    if match is None:
        return f"  {line.strip()}"
    return f"- `{match[1]}`: {line[match.end() :]}"

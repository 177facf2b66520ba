"""The page of commands, from their argparse parsers.

It has what the parsers know and not what they print, which differs between versions of Python.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence
from unittest import mock

from callspan.cli.entry import COMMANDS, Parser

_START = """\
# Commands

`callspan COMMAND --help` prints the same. A fault of the command line is one line, with exit code 2; `run` hands
on the exit code of its program.
"""


class _ParserSeen(Exception):
    """Raised in place of parsing, to get the parser of a command."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


def parser_of(main: Callable[[Sequence[str]], object]) -> argparse.ArgumentParser:
    """Return the parser that a command makes for its words."""

    def show(parser: argparse.ArgumentParser, _words: object) -> None:
        raise _ParserSeen(parser)

    with mock.patch.object(Parser, "parse_args", show):
        try:
            main([])
        except _ParserSeen as seen:
            return seen.parser
    raise LookupError(f"{main.__module__} parses no words")


def commands_page() -> str:
    """Return the page with each command of `callspan` and its options."""
    sections = [_START]
    for name, (module, summary) in COMMANDS.items():
        parser = parser_of(importlib.import_module(module).main)
        sections.append(_section(name, summary, parser))
    return "\n".join(sections)


def _section(name: str, summary: str, parser: argparse.ArgumentParser) -> str:
    options = [_option(action) for action in parser._actions if _is_shown(action)]
    description = str(parser.description).strip()
    lines = [f"## callspan {name}", "", f"{summary[0].upper()}{summary[1:]}.", ""]
    lines += _block(description)
    if options:
        lines += [*options, ""]
    if parser.epilog:
        lines += _block(str(parser.epilog).strip())
    return "\n".join(lines)


def _is_shown(action: argparse.Action) -> bool:
    return action.help != argparse.SUPPRESS and "--help" not in action.option_strings


def _option(action: argparse.Action) -> str:
    words = [action.option_strings[-1]] if action.option_strings else []
    if action.nargs != 0:
        words.append(_value_name(action))
    return f"- `{' '.join(words)}`: {action.help}"


def _value_name(action: argparse.Action) -> str:
    if action.metavar:
        return str(action.metavar)
    if action.choices:
        return "|".join(str(choice) for choice in action.choices)
    return action.dest.upper()


def _block(text: str) -> list[str]:
    return ["```text", text, "```", ""]

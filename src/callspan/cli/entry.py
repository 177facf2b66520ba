"""The command line `callspan COMMAND ...`: find the command and run it."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from callspan.cli.problem import Problem, say, suggest
from callspan.runtime.requirements import advice
from callspan.version import __version__

# Modules are named and not imported, so that a command does not wait for the others' imports.
COMMANDS = {
    "run": ("callspan.cli.run", "run a program, unchanged, and see its model calls"),
    "demo": ("callspan.demo", "see what callspan shows, with no key and no network"),
    "view": ("callspan.view.command", "look at traces on a page of this machine"),
    "clients": (
        "callspan.cli.clients",
        "the model clients that callspan knows, and which are installed here",
    ),
    "tokens": (
        "callspan.cli.tokens",
        "how tokens are estimated here, and `tokens fetch` for tiktoken's rank files",
    ),
    "doctor": ("callspan.cli.doctor", "check what would be recorded here, and where it would go"),
}
# As a shell reports a process that the signal has ended: 128 and the signal's number.
_SIGPIPE_CODE = 128 + 13
_SIGINT_CODE = 128 + 2
_SUMMARY = "See every call that a Python program makes to a language model."
_EXAMPLES = """\
examples:
  callspan demo                                          a first look
  callspan run app.py                                    a tree of model calls on stderr, a table at exit
  callspan run --file traces.jsonl python app.py --fast  OTLP JSON lines; --fast is the program's own
  callspan run gunicorn --workers 4 shop:app             worker processes are covered too
  OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 callspan run app.py     to a collector

`callspan COMMAND --help` tells more of each command.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(words)
    except Problem as problem:
        say(str(problem))
        return 2
    except ModuleNotFoundError as error:
        # Only for packages of ours and of our extras: another missing module is a fault to be seen.
        line = advice(error)
        if line is None:
            raise
        say(line)
        return 2
    except BrokenPipeError:  # `callspan doctor | head`: nobody reads on
        # Python flushes stdout at its end, and would print the same error there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _SIGPIPE_CODE
    except KeyboardInterrupt:
        return _SIGINT_CODE


def _run(words: Sequence[str]) -> int:
    """Run the command that the words name; without one print the version or the help."""
    if words and not words[0].startswith("-"):
        # Not by argparse's subcommands: they would import all commands for one.
        return _command(words[0])(words[1:])
    parser = _parser()
    parser.parse_args(words)
    parser.print_help()
    return 0


def _command(name: str) -> Callable[[Sequence[str]], int]:
    if name not in COMMANDS:
        hint = suggest(name, COMMANDS)
        is_program = "." in name or name.startswith("python")
        if is_program and not hint:
            hint = f" (did you mean 'callspan run {name}'?)"
        raise Problem(f"unknown command {name!r}{hint}: use one of {', '.join(COMMANDS)}")
    module, _ = COMMANDS[name]
    return importlib.import_module(module).main


class Parser(argparse.ArgumentParser):
    """An argparse parser whose errors are one line, raised as a `Problem`."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(
            prog,
            # An option that is added later must not change the meaning of a shorter word.
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **options,
        )

    def error(self, message: str) -> NoReturn:
        """Raise the error that argparse would print below several lines of usage."""
        flags: list[str] = []
        for action in self._actions:
            flags += action.option_strings
        word = message.removeprefix("unrecognized arguments: ").split()[0]
        hint = suggest(word, flags) if word.startswith("-") else ""
        raise Problem(f"{message}{hint}; see {self.prog} --help")


def _parser() -> Parser:
    commands = "\n".join(f"  {name:9} {summary}" for name, (_, summary) in COMMANDS.items())
    parser = Parser(
        "callspan",
        usage="callspan COMMAND [options]",
        description=f"{_SUMMARY}\n\ncommands:\n{commands}",
        epilog=_EXAMPLES,
    )
    parser.add_argument("--version", action="version", version=f"callspan {__version__}")
    return parser

"""`callspan run`: become the user's program, with callspan started in it."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from callspan.bootstrap import callspan_switches
from callspan.cli import page
from callspan.cli.entry import Parser
from callspan.cli.environment import child_environment, wrong_variables
from callspan.cli.options import OPTIONS, Option, split
from callspan.cli.problem import Problem, say
from callspan.cli.program import Program, find_program
from callspan.cli.variables import LINES, SERVICE_NAME
from callspan.runtime import owner_only
from callspan.settings.environment import METRICS_FOLDER, RUN_PROCESS, TABLE_FILE, TABLE_PREFIX

_FILE = "CALLSPAN_FILE"
_DESCRIPTION = """\
Run a Python program, unchanged, and see every call that it makes to a language model.

PROGRAM is app.py, -m module, or any command: python app.py, gunicorn shop:app, uvicorn shop:app --workers 4 ...
All that follows its name is its own. Child processes are covered too. Standard input and output, signals
and the exit code are the program's own; what callspan prints goes to stderr.
"""
_EPILOG = """\
Where telemetry goes: where the options say, or OTEL_EXPORTER_OTLP_ENDPOINT and the other standard variables
(grpc and http/protobuf). With nothing configured: a tree per trace and a table of tokens, on stderr.
A program that sets up OpenTelemetry itself keeps its set-up, and telemetry goes there. With
opentelemetry-instrument in front of the program, callspan leaves the set-up to that.

What is still waiting is sent when the program ends, also when SIGTERM ends it: within CALLSPAN_FLUSH_TIMEOUT
seconds, 5. SIGKILL and os._exit() leave no time for that.

Not possible with python -I, -E or -S, which switch off the start-up hook: call callspan.instrument() there.

examples:
  callspan run app.py
  callspan run --file traces.jsonl --capture span python app.py --fast
  callspan run --prometheus 127.0.0.1:9464 uvicorn shop:app --workers 2
"""


def main(words: Sequence[str]) -> NoReturn:
    """Check the options and the program, then become the program; this never returns.

    Raises:
        Problem: The options, the environment or the program are wrong.
    """
    our_words, program_words = split(words)
    options = _read_options(our_words)
    # Not passed on: a program that the program runs must not open a page of its own.
    has_page = options.pop(page.VARIABLE, None) is not None
    is_temporary = has_page and not (options.get(_FILE) or os.environ.get(_FILE))
    if is_temporary:
        options[_FILE] = page.temporary_file()
    try:
        env = child_environment(options, os.environ)
        lines = wrong_variables(env, options)
    except ValueError as error:  # all of ours are one line that names the fix
        raise Problem(str(error)) from None
    # After the options, whose faults come first on the command line.
    program = find_program(program_words, os.environ)
    env.setdefault(SERVICE_NAME, program.name)
    # The program's processes find the same faults, and must not print them once more.
    env[LINES] = "\n".join(lines)
    # The program takes this process over, and keeps its number.
    env[RUN_PROCESS] = str(os.getpid())
    # Made by the program's first process, if that is a Python.
    env[TABLE_FILE] = owner_only.temporary_name(TABLE_PREFIX)
    _share_metrics(env)
    for line in lines:
        say(line)
    variable = callspan_switches.switched_off(env)
    if variable:
        say(f"nothing is recorded, as {variable} says so")
    if has_page:
        # Last, when nothing can go wrong any more but the start itself.
        page.start(env[_FILE], is_temporary)
    _become(program, env)


def _share_metrics(env: dict[str, str]) -> None:
    """Name a folder in which the program's processes share their metrics, if they are to be served."""
    # Here, as it imports more than a wrong command line needs.
    from callspan.export import destinations, prometheus_group

    # What is wrong with the variables has been said.
    if destinations.from_environment(env, lambda _message: None).prometheus is None:
        return
    prometheus_group.remove_old_folders()
    env[METRICS_FOLDER] = prometheus_group.new_folder()


def _read_options(words: Sequence[str]) -> dict[str, str]:
    """Return the environment variables that stand for the options."""
    values = vars(_parser().parse_args(words))
    variables: dict[str, str] = {}
    for option in OPTIONS:
        value = values[option.name]
        if value is not None:
            variables[option.variable] = _variable_text(option, value)
    return variables


def _variable_text(option: Option, value: str) -> str:
    if option.metavar is None:
        return value
    try:
        return option.read(option.flag, value)
    except ValueError as error:
        raise Problem(str(error)) from None


def _parser() -> Parser:
    parser = Parser(
        "callspan run",
        usage="callspan run [options] PROGRAM ...",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    for option in OPTIONS:
        if option.metavar:
            parser.add_argument(option.flag, metavar=option.metavar, help=option.help)
        else:
            parser.add_argument(
                option.flag, action="store_const", const=option.value, help=option.help
            )
    return parser


def _become(program: Program, env: Mapping[str, str]) -> NoReturn:
    """Replace this process by the program, so that signals and the exit code are its own."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed, as by >&- in a shell
            with contextlib.suppress(OSError):  # nobody reads it any more
                stream.flush()
    try:
        # No child process: signals, exit code, terminal and process id are the program's own.
        os.execve(program.executable, program.words, env)
    except OSError as error:
        fix = "check the file"
        if error.errno == errno.ENOEXEC:
            fix = "give it a first line such as #!/bin/sh"
        raise Problem(f"{program.words[0]} cannot be run ({error.strerror}): {fix}") from None

"""The options of `callspan run`.

Each is carried to the program, and to its child processes, by an environment variable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from callspan.cli import page, values
from callspan.cli.problem import Problem, suggest
from callspan.settings import settings


@dataclass(frozen=True)
class Option:
    """One option; without a `metavar` it is a switch that sets the variable to `value`.

    `read` checks a value that the user wrote, and returns the text for the variable.
    """

    flag: str
    variable: str
    help: str
    metavar: str | None = None
    value: str = "true"
    read: Callable[[str, str], str] = values.read_text

    @property
    def name(self) -> str:
        """The attribute of argparse's namespace that holds its value."""
        return self.flag.lstrip("-").replace("-", "_")


OPTIONS = (
    Option(
        "--console",
        "CALLSPAN_CONSOLE",
        "print each trace as a tree on stderr, and a table of tokens at exit"
        " (the default when nothing else is configured)",
    ),
    Option("--no-console", "CALLSPAN_CONSOLE", "print neither", value="false"),
    Option(
        "--content",
        "CALLSPAN_CONSOLE",
        "print the trees with what was said, in short, where --capture span records it",
        value="content",
    ),
    Option(
        "--file",
        "CALLSPAN_FILE",
        "append OTLP JSON lines to PATH; worker processes write PATH.PID",
        "PATH",
        read=values.read_file,
    ),
    Option(
        "--otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "send to this collector, such as http://localhost:4318",
        "URL",
        read=values.read_endpoint,
    ),
    Option(
        "--prometheus",
        "CALLSPAN_PROMETHEUS",
        "serve /metrics there, such as 127.0.0.1:9464: the sums of all processes",
        "HOST:PORT",
        read=values.read_address,
    ),
    Option(
        "--capture",
        # Names of variables come from the table of settings, so that each stands in one place.
        settings.ENVIRONMENT["capture"],
        "record prompts and answers: off (the default), on spans, in log events, or both",
        "off|span|event|both",
        read=values.read_capture,
    ),
    Option(
        "--semconv",
        settings.ENVIRONMENT["semconv"],
        "which text of the GenAI conventions: what published"
        " dashboards read (released, the default), the newest, or both",
        "released|latest|both",
        read=values.read_choice,
    ),
    Option(
        "--readers",
        settings.ENVIRONMENT["readers"],
        "what shows the spans: they get what it needs beyond the conventions",
        "NAME,...",
        read=values.read_readers,
    ),
    Option(
        "--clients",
        settings.ENVIRONMENT["clients"],
        "only these model clients; see `callspan clients`",
        "NAME,...",
        read=values.read_clients,
    ),
    Option(
        "--disable",
        settings.ENVIRONMENT["disabled_clients"],
        "not these model clients",
        "NAME,...",
        read=values.read_clients,
    ),
    Option(
        "--vector-stores",
        settings.ENVIRONMENT["vector_stores"],
        "record searches in vector stores as well",
    ),
    Option(
        "--memory-stores",
        settings.ENVIRONMENT["memory_stores"],
        "record what is kept and searched in stores of memories as well",
    ),
    Option(
        "--batches",
        settings.ENVIRONMENT["batches"],
        "count the results of batches as the program reads them",
    ),
    Option(
        "--request-usage",
        settings.ENVIRONMENT["request_usage"],
        "ask for token counts in streams that do not, and hide the extra chunk from the program",
    ),
    Option(
        "--token-events",
        settings.ENVIRONMENT["token_events"],
        "span events for the first token (the default), for all, or for none",
        "first|all|off",
        read=values.read_choice,
    ),
    Option(
        "--chunk-metrics",
        settings.ENVIRONMENT["chunk_metrics"],
        "record the time per output chunk as well",
    ),
    Option(
        "--estimate",
        settings.ENVIRONMENT["estimate"],
        "tokens of calls whose provider gives no counts: estimated roughly, for the console alone"
        " (console, the default), well and on spans too (missing), or not (off)",
        "console|missing|off",
        read=values.read_choice,
    ),
    Option(
        "--cost",
        settings.ENVIRONMENT["cost"],
        "tell what each call costs; needs callspan[prices], or --prices",
    ),
    Option(
        "--prices",
        settings.ENVIRONMENT["prices"],
        "a JSON file of own prices and model names",
        "PATH",
    ),
    Option(
        "--view",
        page.VARIABLE,
        "show the traces on a page of this machine, which is opened in a browser",
    ),
    Option(
        "--service-name", "OTEL_SERVICE_NAME", "the service's name in traces and metrics", "NAME"
    ),
)
# `split` runs before argparse, so it has to know which options take the next word.
_WITH_VALUE = {option.flag for option in OPTIONS if option.metavar}
_FLAGS = {option.flag for option in OPTIONS} | {"--help", "-h"}


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return our own options, and the words of the program that follow them.

    The program begins with the first word that is not an option of ours. From there on nothing is
    read: the program may have options with the same names.
    """
    index = 0
    while index < len(words):
        word = words[index]
        if word == "--":
            return list(words[:index]), list(words[index + 1 :])
        # `-mshop` and `-m shop` are both Python's, as is `-c`.
        is_program = not word.startswith("-") or word[:2] in ("-m", "-c")
        if is_program:
            break
        # Here and not in argparse, which would take the program's words for its own.
        _check_flag(word.partition("=")[0])
        index += 2 if word in _WITH_VALUE else 1
    return list(words[:index]), list(words[index:])


def _check_flag(flag: str) -> None:
    if flag in _FLAGS:
        return
    if flag.startswith("--"):
        raise Problem(f"unknown option {flag}{suggest(flag, _FLAGS)}; see callspan run --help")
    raise Problem(
        f"unknown option {flag}: options of Python follow its name, "
        f"as in callspan run python {flag} app.py"
    )

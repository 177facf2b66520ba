"""The options of `callspan run`, each with the environment variable that carries it to the program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from callspan.cli import values
from callspan.cli.problem import Problem, meant
from callspan.settings import settings


@dataclass(frozen=True)
class Option:
    """One option; without a `metavar` it is a switch that sets the variable to `value`."""

    flag: str
    variable: str
    help: str
    metavar: str | None = None
    value: str = "true"
    read: Callable[[str, str], str] = values.text

    @property
    def name(self) -> str:
        """The attribute under which argparse keeps it."""
        return self.flag.lstrip("-").replace("-", "_")


OPTIONS = (
    Option("--console", "CALLSPAN_CONSOLE", "print each trace as a tree on stderr, and a table of tokens at exit"
           " (the default when nothing else is configured)"),
    Option("--no-console", "CALLSPAN_CONSOLE", "print neither", value="false"),
    Option("--file", "CALLSPAN_FILE", "append OTLP JSON lines to PATH; worker processes write PATH.PID",
           "PATH", read=values.file),
    Option("--otlp", "OTEL_EXPORTER_OTLP_ENDPOINT", "send to this collector, such as http://localhost:4318",
           "URL", read=values.endpoint),
    Option("--prometheus", "CALLSPAN_PROMETHEUS", "serve /metrics there, such as 127.0.0.1:9464",
           "HOST:PORT", read=values.address),
    Option("--capture", settings.ENVIRONMENT["capture"], "record prompts and answers: off (the default), on spans,"
           " in log events, or both", "off|span|event|both", read=values.capture),
    Option("--semconv", settings.ENVIRONMENT["semconv"], "which text of the GenAI conventions: what published"
           " dashboards read (released, the default), the newest, or both", "released|latest|both",
           read=values.choice),
    Option("--clients", settings.ENVIRONMENT["clients"], "only these model clients; see `callspan clients`",
           "NAME,...", read=values.clients),
    Option("--disable", settings.ENVIRONMENT["disabled_clients"], "not these model clients",
           "NAME,...", read=values.clients),
    Option("--request-usage", settings.ENVIRONMENT["request_usage"], "ask for token counts in streams that do not,"
           " and hide the extra chunk from the program"),
    Option("--token-events", settings.ENVIRONMENT["token_events"], "span events for the first token (the default),"
           " for all, or for none", "first|all|off", read=values.choice),
    Option("--chunk-metrics", settings.ENVIRONMENT["chunk_metrics"], "record the time per output chunk as well"),
    Option("--estimate", settings.ENVIRONMENT["estimate"], "estimate the tokens of calls whose provider gives no"
           " counts (missing), marked as such, or do not (off, the default)", "off|missing", read=values.choice),
    Option("--cost", settings.ENVIRONMENT["cost"], "tell what each call costs; needs callspan[prices], or --prices"),
    Option("--prices", settings.ENVIRONMENT["prices"], "a JSON file of own prices and model names", "PATH"),
    Option("--service-name", "OTEL_SERVICE_NAME", "the service's name in traces and metrics", "NAME"),
)  # fmt: skip
_WITH_VALUE = {option.flag for option in OPTIONS if option.metavar}
_FLAGS = {option.flag for option in OPTIONS} | {"--help", "-h"}


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Our own options, and the program: all from the first word on that is not an option, untouched."""
    index = 0
    while index < len(words):
        word = words[index]
        if word == "--":
            return list(words[:index]), list(words[index + 1 :])
        if not word.startswith("-") or word[:2] in ("-m", "-c"):
            break
        _must_be_known(word.partition("=")[0])
        index += 2 if word in _WITH_VALUE else 1
    return list(words[:index]), list(words[index:])


def _must_be_known(flag: str) -> None:
    if flag in _FLAGS:
        return
    if flag.startswith("--"):
        raise Problem(f"unknown option {flag}{meant(flag, _FLAGS)}; see callspan run --help")
    raise Problem(
        f"unknown option {flag}: options of Python follow its name, as in callspan run python {flag} app.py"
    )

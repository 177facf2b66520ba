"""The user's settings, resolved once into one object.

Arguments come first, then environment variables, then defaults.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, get_args

from callspan.accounting.prices.own import OwnPrices
from callspan.content.capture import CONTENT_LIMIT, FIELDS
from callspan.content.redaction import Redact
from callspan.runtime import guard
from callspan.runtime.errors import SettingsError
from callspan.settings.choices import (
    CaptureMode,
    ConventionsVersion,
    EstimateMode,
    OnConflict,
    OnNative,
    TokenEvents,
)
from callspan.settings.values import (
    NAMES,
    check_content_limit,
    check_names,
    check_prices,
    check_redact,
    check_word,
    suggestion,
)

CAPTURES = {
    "NO_CONTENT": "off",
    "SPAN_ONLY": "span",
    "EVENT_ONLY": "event",
    "SPAN_AND_EVENT": "both",
}
"""The values of OpenTelemetry's variable for capturing content, and ours."""
OLDER_CAPTURES = {"TRUE": "span", "1": "span", "FALSE": "off", "0": "off"}
"""Values of the same variable in documents of other packages, which capture on spans only."""
CHOICES: dict[str, tuple[str, ...]] = {
    "capture": get_args(CaptureMode),
    "semconv": get_args(ConventionsVersion),
    "token_events": get_args(TokenEvents),
    "on_conflict": get_args(OnConflict),
    "on_native": get_args(OnNative),
    "estimate": get_args(EstimateMode),
}
ENVIRONMENT = {
    "capture": "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
    "capture_fields": "CALLSPAN_CAPTURE_FIELDS",
    "redact": "CALLSPAN_REDACT",
    "content_limit": "CALLSPAN_CONTENT_LIMIT",
    "semconv": "CALLSPAN_SEMCONV",
    "clients": "CALLSPAN_CLIENTS",
    "disabled_clients": "CALLSPAN_DISABLED_CLIENTS",
    "on_conflict": "CALLSPAN_ON_CONFLICT",
    "on_native": "CALLSPAN_ON_NATIVE",
    "request_usage": "CALLSPAN_REQUEST_USAGE",
    "token_events": "CALLSPAN_TOKEN_EVENTS",
    "chunk_metrics": "CALLSPAN_CHUNK_METRICS",
    "extra_metrics": "CALLSPAN_EXTRA_METRICS",
    "estimate": "CALLSPAN_ESTIMATE",
    "cost": "CALLSPAN_COST",
    "prices": "CALLSPAN_PRICES",
    "metric_dimensions": "CALLSPAN_METRIC_DIMENSIONS",
}
_RESTRICT_CONTENT = ("capture_fields", "redact")
"""Settings that hold content back: if the variable of one is invalid, no content is captured."""
_BOOLEANS = ("request_usage", "chunk_metrics", "cost")
"""Settings whose variables are booleans."""
RUN_MODULES = "CALLSPAN_RUN_MODULES"
"""Set in programs under `callspan run`, where providers are made with the first span."""
FLUSH_TIMEOUT = 5.0
"""Seconds that the exit may take, unless `CALLSPAN_FLUSH_TIMEOUT` says otherwise."""
LONGEST_FLUSH = 86_400.0
"""The most seconds that the exit may take: Python's locks have a limit on how long they wait."""
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings.

    Attributes:
        capture: Where content goes: `off`, `span`, `event` or `both`.
        capture_fields: The kinds of content that are captured.
        redact: A function of a text and its kind that returns the text to export, or `None`.
        content_limit: Bytes of content for each call, or `tempo` for Tempo's limit.
        semconv: The version of the conventions: `released`, `latest` or `both`.
        clients: The names of the clients that are watched; `None` for all of them.
        disabled_clients: The names of clients that are not watched.
        on_conflict: `warn` of another instrumentation of a client, or `defer` to it.
        on_native: `mute` telemetry of clients and frameworks that ours replaces, or `keep` it.
        request_usage: Whether streams ask the provider for token counts; the extra chunk is hidden.
        token_events: The span events of tokens: `first`, `all` or `off`.
        chunk_metrics: Whether the time between chunks is recorded.
        extra_metrics: The names of opt-in metrics to record.
        estimate: `missing` to estimate token counts that no provider stated, or `off`.
        cost: Whether spans and a metric have the cost of calls.
        prices: Prices of the user's own, which come before those of genai-prices.
        metric_dimensions: The names of `attributes()` that metrics have too.
    """

    capture: str = "off"
    capture_fields: tuple[str, ...] = FIELDS
    redact: Redact | None = None
    content_limit: int | str = CONTENT_LIMIT
    semconv: str = "released"
    clients: tuple[str, ...] | None = None
    disabled_clients: tuple[str, ...] = ()
    on_conflict: str = "warn"
    on_native: str = "mute"
    request_usage: bool = False
    token_events: str = "first"
    chunk_metrics: bool = False
    extra_metrics: tuple[str, ...] = ()
    estimate: str = "off"
    cost: bool = False
    prices: OwnPrices | None = None
    metric_dimensions: tuple[str, ...] = ()


def resolve(
    arguments: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
    choices: Mapping[str, Iterable[str]] = MappingProxyType({}),
) -> Settings:
    """Return the settings made of arguments, environment variables and defaults.

    A variable with a wrong value is reported once and counts as not set.

    Args:
        arguments: Values by setting; `None` means that the argument was not given.
        environ: The environment variables.
        choices: The names that are valid, for each setting that is a list of names.

    Raises:
        SettingsError: An argument is wrong.
    """
    values: dict[str, Any] = {}
    for name, value in arguments.items():
        if value is not None:
            values[name] = check(name, value, choices=choices)
    for name, variable in ENVIRONMENT.items():
        text = environ.get(variable, "").strip()
        if name in values or not text:
            continue
        try:
            values[name] = from_text(name, text, variable, choices)
        except SettingsError as error:
            guard.say_once(str(error))
            if name in _RESTRICT_CONTENT:
                values["capture"] = "off"
    return Settings(**values)


def check(
    name: str,
    value: Any,
    source: str | None = None,
    choices: Mapping[str, Iterable[str]] | None = None,
) -> Any:
    """Return the value of a setting in its own type.

    Args:
        name: The name of the setting.
        value: The value that the user chose.
        source: The variable that has the value, for error messages; `None` for an argument.
        choices: The names that are valid, for each setting that is a list of names.

    Raises:
        SettingsError: There is no such setting, or the value is wrong.
    """
    settings = {field.name for field in fields(Settings)}
    if name not in settings:
        raise SettingsError(f"unknown setting {name!r}{suggestion(name, settings)}")
    if name == "prices":
        return check_prices(value, source)
    source = source or name
    if name in CHOICES:
        return check_word(value, source, CHOICES[name])
    if name in NAMES:
        valid_names = FIELDS if name == "capture_fields" else (choices or {}).get(name)
        return check_names(name, value, source, valid_names)
    if name == "redact":
        return check_redact(value, source)
    if name == "content_limit":
        return check_content_limit(value, source)
    return bool(value)


def from_text(name: str, text: str, variable: str, choices: Mapping[str, Iterable[str]]) -> Any:
    """Return the value of a setting, by the text of its environment variable.

    Args:
        name: The name of the setting.
        text: The text of the variable, not empty.
        variable: The name of the variable, for error messages.
        choices: The names that are valid, for each setting that is a list of names.

    Raises:
        SettingsError: The text is wrong.
    """
    if name == "capture":
        return capture_of(text, variable)
    if name in _BOOLEANS:
        word = text.lower()
        if word not in _YES + _NO:
            raise SettingsError(f"{variable} is {text!r}: use true or false")
        return word in _YES
    if name in CHOICES:
        text = text.lower()
    return check(name, text, variable, choices)


def capture_of(text: str, variable: str) -> str:
    """Return where content goes, by the text of OpenTelemetry's variable.

    Raises:
        SettingsError: The text is wrong.
    """
    word = text.upper()
    capture = CAPTURES.get(word) or OLDER_CAPTURES.get(word)
    if capture is None:
        raise SettingsError(
            f"{variable} is {text!r}: use one of {', '.join(CAPTURES)}; no content is captured"
        )
    return capture


def sdk_disabled(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether OpenTelemetry is switched off, by `OTEL_SDK_DISABLED`."""
    # OpenTelemetry's booleans have one word for true, in upper or lower case
    return environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def disabled_instrumentations(environ: Mapping[str, str] = os.environ) -> frozenset[str]:
    """Return the names of the instrumentations that are switched off; `*` stands for all."""
    names = environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")
    return frozenset(name.strip() for name in names if name.strip())


def flush_timeout(environ: Mapping[str, str] = os.environ) -> float:
    """Return the most seconds that the exit of the process may take."""
    text = environ.get("CALLSPAN_FLUSH_TIMEOUT", "").strip()
    if not text:
        return FLUSH_TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if math.isfinite(seconds):
        return min(max(0.0, seconds), LONGEST_FLUSH)
    guard.say_once(
        f"CALLSPAN_FLUSH_TIMEOUT is {text!r}: write seconds, such as 5; {FLUSH_TIMEOUT:g} are taken"
    )
    return FLUSH_TIMEOUT

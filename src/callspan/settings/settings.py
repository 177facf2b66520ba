"""What the user chose: arguments first, then the environment, then defaults, resolved once into one object."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, cast

from callspan.accounting.prices.own import OwnPrices, PriceError, read
from callspan.content import redaction
from callspan.content.capture import CONTENT_LIMIT, FIELDS, LEAST_LIMIT
from callspan.content.redaction import Redact
from callspan.runtime import guard
from callspan.runtime.errors import SettingsError

CAPTURES = {
    "NO_CONTENT": "off",
    "SPAN_ONLY": "span",
    "EVENT_ONLY": "event",
    "SPAN_AND_EVENT": "both",
}
"""The values of OpenTelemetry's variable."""
OLDER_CAPTURES = {"TRUE": "span", "1": "span", "FALSE": "off", "0": "off"}
"""Its values in the documents of other packages, which knew spans only."""
CHOICES: dict[str, tuple[str, ...]] = {
    "capture": ("off", "span", "event", "both"),
    "semconv": ("released", "latest", "both"),
    "token_events": ("first", "all", "off"),
    "on_conflict": ("warn", "defer"),
    "on_native": ("mute", "keep"),
    "estimate": ("off", "missing"),
}
NAMES = {
    "clients": "client",
    "disabled_clients": "client",
    "extra_metrics": "extra metric",
    "capture_fields": "kind of content",
    "metric_dimensions": "metric dimension",
}
"""The settings made of names, and what is named there."""
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
_PRIVATE = ("capture_fields", "redact")
"""Settings that hold content back: where one of them cannot be understood, none is captured."""
RUN_MODULES = "CALLSPAN_RUN_MODULES"
"""Set in programs that `callspan run` has started, where providers come with the first span."""
FLUSH_TIMEOUT = 5.0
"""Seconds that the exit may take, unless `CALLSPAN_FLUSH_TIMEOUT` says otherwise."""
LONGEST_FLUSH = 86_400.0
"""Seconds that nobody waits longer than; locks cannot be waited for any length of time."""
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be chosen.

    `capture_fields`, `redact` and `content_limit` (bytes a call, or `tempo`) say what of the content, and how.
    `clients` is `None` for all of them. `extra_metrics` names metrics of our own to record as well. With
    `request_usage`, streams ask the provider for token counts, and the extra chunk is hidden from the app.
    With `estimate` "missing", counts that no provider gave are estimated, and marked as such.
    With `on_native` "keep", what clients and frameworks record by themselves stays beside ours.
    With `cost`, spans and a metric tell what calls cost; `prices` are own ones, before those of genai-prices.
    `metric_dimensions` are the names of `attributes()` that metrics have too.
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
    given: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
    known: Mapping[str, Iterable[str]] = MappingProxyType({}),
) -> Settings:
    """One settings object from what was given (`None` means not given), the environment and the defaults.

    `known` has the names that settings made of names may use. A wrong argument raises `SettingsError`; a wrong variable
    is reported once and counts as not set.
    """
    chosen = {
        name: check(name, value, known=known) for name, value in given.items() if value is not None
    }
    for name, variable in ENVIRONMENT.items():
        text = environ.get(variable, "").strip()
        if name in chosen or not text:
            continue
        try:
            chosen[name] = from_text(name, text, variable, known)
        except SettingsError as error:
            guard.say_once(str(error))
            if name in _PRIVATE:
                chosen["capture"] = "off"
    return Settings(**chosen)


def check(
    name: str,
    value: Any,
    said_as: str | None = None,
    known: Mapping[str, Iterable[str]] | None = None,
) -> Any:
    """The value of a setting in its own type, or `SettingsError`."""
    settings = {f.name for f in fields(Settings)}
    if name not in settings:
        raise SettingsError(f"unknown setting {name!r}{_meant(name, settings)}")
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise SettingsError(
                f"{said_as or name} is {value!r}{_meant(value, CHOICES[name])}: use one of {', '.join(CHOICES[name])}"
            )
        return value
    if name in NAMES:
        return _names(
            name,
            value,
            said_as or name,
            FIELDS if name == "capture_fields" else (known or {}).get(name),
        )
    if name == "redact":
        return _redact(value, said_as or name)
    if name == "content_limit":
        return _bytes(value, said_as or name)
    return _prices(value, said_as) if name == "prices" else bool(value)


def _prices(value: Any, said_as: str | None) -> OwnPrices:
    try:
        return read(value)
    except PriceError as error:
        raise SettingsError(f"{said_as}: {error}" if said_as else str(error)) from None


def _redact(value: Any, said_as: str) -> Redact:
    if callable(value):
        return cast("Redact", value)
    try:
        return redaction.parse(value if isinstance(value, str) else "")
    except ValueError as error:
        raise SettingsError(f"{said_as} is {value!r}: {error}") from None


def _bytes(value: Any, said_as: str) -> int | str:
    if value == "tempo":
        return value
    try:
        size = int(value)
    except (TypeError, ValueError):
        size = 0
    if size < LEAST_LIMIT:
        raise SettingsError(
            f"{said_as} is {value!r}: use a number of bytes from {LEAST_LIMIT}, or 'tempo'"
        )
    return size


def _names(name: str, value: Any, said_as: str, known: Iterable[str] | None) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",")
    items: list[Any] = list(value) if isinstance(value, Iterable) else [value]
    if not all(isinstance(item, str) for item in items):
        raise SettingsError(f"{said_as} must be names, such as {name}=['openai']")
    found = tuple(item.strip() for item in items if item.strip())
    for item in found:
        if known is not None and item not in known:
            raise unknown(f"name in {said_as}" if said_as != name else NAMES[name], item, known)
    return found


def from_text(name: str, text: str, variable: str, known: Mapping[str, Iterable[str]]) -> Any:
    """Return the value of a setting, by the text of its variable, or raise `SettingsError`."""
    if name == "capture":
        return capture_of(text, variable)
    if name in ("request_usage", "chunk_metrics", "cost"):
        if text.lower() not in _YES + _NO:
            raise SettingsError(f"{variable} is {text!r}: use true or false")
        return text.lower() in _YES
    return check(name, text.lower() if name in CHOICES else text, variable, known)


def capture_of(text: str, variable: str) -> str:
    """Return where content goes, by the text of a variable, or raise `SettingsError`."""
    capture = {**CAPTURES, **OLDER_CAPTURES}.get(text.upper())
    if capture is None:
        raise SettingsError(
            f"{variable} is {text!r}: use one of {', '.join(CAPTURES)}; no content is captured"
        )
    return capture


def _meant(value: Any, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(value), list(known), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def unknown(kind: str, value: str, known: Iterable[str]) -> SettingsError:
    """The error for a name that is not among those known."""
    return SettingsError(
        f"unknown {kind} {value!r}{_meant(value, known)}: known are {', '.join(sorted(known))}"
    )


def sdk_disabled(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether OpenTelemetry is switched off. Of its booleans only `true`, in any case, is true."""
    return environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def disabled_instrumentations(environ: Mapping[str, str] = os.environ) -> frozenset[str]:
    """Return the names of the instrumentations that are not to be used; `*` stands for all of them."""
    names = environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")
    return frozenset(name.strip() for name in names if name.strip())


def flush_timeout(environ: Mapping[str, str] = os.environ) -> float:
    """Seconds that the exit of the process may take."""
    text = environ.get("CALLSPAN_FLUSH_TIMEOUT", "").strip()
    try:
        seconds = float(text) if text else FLUSH_TIMEOUT
        if math.isfinite(seconds):
            return min(max(0.0, seconds), LONGEST_FLUSH)
        raise ValueError(text)
    except ValueError:
        guard.say_once(
            f"CALLSPAN_FLUSH_TIMEOUT is {text!r}: write seconds, such as 5; {FLUSH_TIMEOUT:g} are taken"
        )
        return FLUSH_TIMEOUT

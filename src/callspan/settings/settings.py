"""The table of settings, and how they are resolved once into one object.

Arguments come first, then environment variables, then defaults.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, get_args

from callspan.accounting.prices.own import OwnPrices
from callspan.content.capture import CONTENT_LIMIT, FIELDS
from callspan.content.redaction import Redact
from callspan.runtime import guard
from callspan.runtime.errors import SettingsError
from callspan.settings import values
from callspan.settings.choices import (
    CaptureMode,
    ConventionsVersion,
    EstimateMode,
    OnConflict,
    OnNative,
    TokenEvents,
)
from callspan.settings.row import ROW, Setting, boolean, words
from callspan.settings.values import Source, suggestion

ValidNames = Mapping[str, Collection[str]]
"""The names that are valid, for each setting that is a list of names and has no words here."""
_ANY_NAMES: ValidNames = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one `instrument()`, which explains each of them at its argument."""

    # OpenTelemetry's own variable, which other instrumentations of models read too
    capture: CaptureMode = field(
        default="off",
        metadata={
            ROW: Setting(
                variable="OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
                help="`off`, `span`, `event`, `both`; the variable: `NO_CONTENT`, `SPAN_ONLY`, "
                "`EVENT_ONLY`, `SPAN_AND_EVENT`; `true` and `1` are `SPAN_ONLY`",
                check=values.check_word,
                parse=values.parse_capture,
                words=get_args(CaptureMode),
            )
        },
    )
    capture_fields: tuple[str, ...] = field(
        default=FIELDS,
        metadata={
            ROW: Setting(
                variable="CALLSPAN_CAPTURE_FIELDS",
                help="kinds of content, all by default",
                check=values.check_names,
                words=FIELDS,
                noun="kind of content",
                restricts_content=True,
            )
        },
    )
    redact: Redact | None = field(
        default=None,
        metadata={
            ROW: Setting(
                variable="CALLSPAN_REDACT",
                help="`common`, `phones:US,DE`, or a function (in the variable `module:function`); "
                "several with `+`",
                check=values.check_redact,
                unset="off",
                restricts_content=True,
            )
        },
    )
    content_limit: int | str = field(
        default=CONTENT_LIMIT,
        metadata={
            ROW: Setting(
                variable="CALLSPAN_CONTENT_LIMIT",
                help=f"bytes a call, {CONTENT_LIMIT}; or `tempo`",
                check=values.check_content_limit,
            )
        },
    )
    upload: str | None = field(
        default=None,
        metadata={
            ROW: Setting(
                variable="OTEL_INSTRUMENTATION_GENAI_UPLOAD_BASE_PATH",
                help="a folder or a bucket for content beyond `content_limit`, such as "
                "`gs://bucket/prompts`",
                check=values.check_upload,
            )
        },
    )
    semconv: ConventionsVersion = field(
        default="released",
        metadata={
            ROW: words(
                ConventionsVersion,
                "CALLSPAN_SEMCONV",
                "`released` (default; what dashboards read today), "
                "`latest` (the newest names), `both`",
            )
        },
    )
    clients: tuple[str, ...] | None = field(
        default=None,
        metadata={
            ROW: Setting(
                variable="CALLSPAN_CLIENTS",
                help="names of clients; all by default",
                check=values.check_names,
                noun="client",
                unset="all",
            )
        },
    )
    vector_stores: bool = field(
        default=False,
        metadata={
            ROW: boolean(
                "CALLSPAN_VECTOR_STORES",
                "searches in vector stores, as `retrieval`, which `clients` may name too",
            )
        },
    )
    # a variable alone: a program that leaves a client alone names the others in `clients`
    disabled_clients: tuple[str, ...] = field(
        default=(),
        metadata={
            ROW: Setting(
                variable="CALLSPAN_DISABLED_CLIENTS",
                help="names of clients that are left alone",
                check=values.check_names,
                noun="client",
                is_argument=False,
            )
        },
    )
    on_conflict: OnConflict = field(
        default="warn",
        metadata={
            ROW: words(
                OnConflict,
                "CALLSPAN_ON_CONFLICT",
                "`warn` (default) or `defer`, when another instrumentation watches the same client",
            )
        },
    )
    on_native: OnNative = field(
        default="mute",
        metadata={
            ROW: words(
                OnNative,
                "CALLSPAN_ON_NATIVE",
                "`mute` (default) or `keep`, when a client or a framework records by itself what "
                "ours stands for; see [frameworks](docs/frameworks.md)",
            )
        },
    )
    request_usage: bool = field(
        default=False,
        metadata={ROW: boolean("CALLSPAN_REQUEST_USAGE", "ask streams for token counts")},
    )
    token_events: TokenEvents = field(
        default="first",
        metadata={
            ROW: words(
                TokenEvents,
                "CALLSPAN_TOKEN_EVENTS",
                "`first` (default), `all` (128 at most), `off`",
            )
        },
    )
    chunk_metrics: bool = field(
        default=False,
        metadata={ROW: boolean("CALLSPAN_CHUNK_METRICS", "time between chunks as a metric")},
    )
    extra_metrics: tuple[str, ...] = field(
        default=(),
        metadata={
            ROW: Setting(
                variable="CALLSPAN_EXTRA_METRICS",
                help="`calls`, `active`, `retries`, which are on under `callspan run`; "
                "`output_rate` (tokens a second), `modality_tokens` (text, audio, image)",
                check=values.check_names,
                noun="extra metric",
            )
        },
    )
    estimate: EstimateMode = field(
        default="console",
        metadata={
            ROW: words(
                EstimateMode,
                "CALLSPAN_ESTIMATE",
                "tokens that no provider stated: estimated roughly, for the console alone "
                "(`console`, the default), well and on spans too (`missing`), or not (`off`)",
            )
        },
    )
    cost: bool = field(
        default=False,
        metadata={ROW: boolean("CALLSPAN_COST", "what each call costs, on spans and as a metric")},
    )
    prices: OwnPrices | None = field(
        default=None,
        metadata={
            ROW: Setting(
                variable="CALLSPAN_PRICES",
                help="own prices and model names, before those of `genai-prices`: a JSON file, "
                "or a mapping",
                check=values.check_prices,
                unset="none of your own",
            )
        },
    )
    metric_dimensions: tuple[str, ...] = field(
        default=(),
        metadata={
            ROW: Setting(
                variable="CALLSPAN_METRIC_DIMENSIONS",
                help="names of `attributes()` that metrics have too, such as `team`; "
                "200 values each, then `_other`",
                check=values.check_names,
                noun="metric dimension",
            )
        },
    )


SETTINGS: dict[str, Setting] = {each.name: each.metadata[ROW] for each in fields(Settings)}
"""The table of settings, by name."""
ENVIRONMENT = {name: setting.variable for name, setting in SETTINGS.items()}
"""The environment variable of each setting."""


def resolve(
    arguments: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
    names: ValidNames = _ANY_NAMES,
) -> Settings:
    """Return the settings made of arguments, environment variables and defaults.

    A variable with a wrong value is reported once and counts as not set.

    Args:
        arguments: Values by setting; `None` means that the argument was left out.
        environ: The environment variables.
        names: The names that are valid, for each setting that is a list of names.

    Raises:
        SettingsError: An argument is wrong.
    """
    resolved: dict[str, Any] = {}
    # first: a wrong argument raises, as whoever wrote it can mend it
    for name, value in arguments.items():
        if value is not None:
            resolved[name] = check(name, value, names=names)
    for name, setting in SETTINGS.items():
        # A variable may be set for all programs of a machine, so a wrong one stops none of them.
        text = environ.get(setting.variable, "").strip()
        if name in resolved or not text:
            continue
        try:
            resolved[name] = from_text(name, text, setting.variable, names)
        except SettingsError as error:
            guard.say_once(str(error))
            if setting.restricts_content:
                # The user meant to hold something back: to record all of it would be a leak.
                resolved["capture"] = "off"
    return Settings(**resolved)


def check(
    name: str, value: Any, variable: str | None = None, names: ValidNames = _ANY_NAMES
) -> Any:
    """Return the value of a setting in its own type.

    Args:
        name: The name of the setting.
        value: The value that the user chose.
        variable: The variable that has the value, for error messages; `None` for an argument.
        names: The names that are valid, for each setting that is a list of names.

    Raises:
        SettingsError: There is no such setting, or the value is wrong.
    """
    setting = SETTINGS.get(name)
    if setting is None:
        raise SettingsError(f"unknown setting {name!r}{suggestion(name, SETTINGS)}")
    valid = setting.words or names.get(name)
    return setting.check(value, Source(name, variable, valid, setting.noun))


def from_text(name: str, text: str, variable: str, names: ValidNames = _ANY_NAMES) -> Any:
    """Return the value of a setting, by the text of its environment variable.

    Args:
        name: The name of the setting.
        text: The text of the variable, not empty.
        variable: The name of the variable, for error messages.
        names: The names that are valid, for each setting that is a list of names.

    Raises:
        SettingsError: The text is wrong.
    """
    value = SETTINGS[name].parse(text, variable)
    return check(name, value, variable, names)

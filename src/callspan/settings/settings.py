"""The table of settings: their names, variables, defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import get_args

from callspan.accounting.prices.own import OwnPrices
from callspan.content.capture import CONTENT_LIMIT, FIELDS
from callspan.content.redaction import Redact
from callspan.settings import others, values
from callspan.settings.choices import (
    CaptureMode,
    ConventionsVersion,
    EstimateMode,
    OnConflict,
    OnNative,
    ReaderName,
    TokenEvents,
)
from callspan.settings.row import ROW, Setting, boolean, words


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one `instrument()`, which explains each of them at its argument."""

    # OpenTelemetry's own variable, which other instrumentations of models read too
    capture: CaptureMode = field(
        default="off",
        metadata={
            ROW: Setting(
                variable=others.CAPTURE,
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
                "`latest` (the newest names; also by `OTEL_SEMCONV_STABILITY_OPT_IN="
                "gen_ai_latest_experimental`), `both`",
            )
        },
    )
    readers: tuple[ReaderName, ...] = field(
        default=(),
        metadata={
            ROW: Setting(
                variable="CALLSPAN_READERS",
                help="what shows the spans, such as `langfuse,phoenix`: they get what it needs "
                "beyond the conventions; see [readers](docs/readers.md)",
                check=values.check_names,
                words=get_args(ReaderName),
                noun="reader",
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
    memory_stores: bool = field(
        default=False,
        metadata={
            ROW: boolean(
                "CALLSPAN_MEMORY_STORES",
                "what is kept and searched in stores of memories, which `clients` may name too",
            )
        },
    )
    batches: bool = field(
        default=False,
        metadata={
            ROW: boolean(
                "CALLSPAN_BATCHES",
                "results of batches, which count once a process as they are read; "
                "see [tokens](docs/tokens.md#batches)",
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

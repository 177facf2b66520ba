"""The modules that are changed, each with the tests that guard it, those that fail soonest first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """A module below `src/callspan`, and the files of its tests below `tests`; pytest's `-k` picks some of them."""

    module: str
    tests: tuple[str, ...]
    only: str = ""

    @property
    def source(self) -> Path:
        """The module's file, from the root of the project."""
        return Path("src", "callspan", self.module)

    @property
    def arguments(self) -> tuple[str, ...]:
        """What tells pytest which tests to run."""
        return ("-k", self.only, *(f"tests/{name}" for name in self.tests))


_OPENAI = "not outcomes or (openai-chat and (streamed or plain))"
_GOOGLE = "not outcomes or (google-generate-content and streamed)"
"""Of the table of all clients, the lines of one that passes the module."""
_FORK = "test_forks.py::test_what_the_parent_has_reserved"
_RATES = "redaction/test_rates.py"
_PERSONS = ("redaction/test_numbers_of_persons.py", _RATES)

TARGETS = (
    Target("events/call.py", ("test_calls.py",)),
    Target("events/response.py", ("test_responses_of_pieces.py",)),
    Target("events/usage.py", ("test_usage.py",)),
    Target("content/redaction.py", (_RATES,)),
    Target("content/credentials.py", ("redaction/test_keys_and_passwords.py", _RATES)),
    Target("content/personal.py", _PERSONS),
    Target("content/national_numbers.py", _PERSONS),
    Target("runtime/number.py", ("test_number_types.py",)),
    Target("accounting/budgets.py", ("test_reservations.py", "test_budgets.py")),
    Target("accounting/reservations.py", ("test_reservations.py", "test_budgets.py", _FORK)),
    Target("lifecycle/dispatch.py", ("test_handlers.py", "test_handlers_async.py")),
    Target(
        "lifecycle/observation.py",
        (
            "test_settings.py::test_token_events",
            "test_failures_with_status_200.py",
            "test_content_while_counting.py::test_text_is_read_only_where_it_has_to_be_counted",
            "test_handlers.py",
            "test_second_loops.py",
            "test_reservations.py",
            "test_outcomes.py",
            "test_parsing_errors.py",
            "test_background_responses.py",
            _FORK,
        ),
        only=_OPENAI,
    ),
    Target(
        "lifecycle/streams.py",
        (
            "torture/test_streams.py",
            "test_second_loops.py",
            "test_parsing_errors.py",
            "test_reservations.py",
            "test_budgets.py",
            "test_handlers_async.py",
            "frameworks/litellm/test_failures.py",
            "test_outcomes.py",
        ),
        only=_OPENAI,
    ),
    Target("lifecycle/overlays.py", ("torture/test_streams.py",)),
    Target(
        "lifecycle/conclusion.py",
        (
            "torture/test_faults.py::test_what_a_failed_call_refers_to_is_let_go_of",
            "test_estimates.py",
            "test_background_responses.py",
            "test_content_while_counting.py",
            "test_reservations.py",
            "test_budgets.py",
            "test_handlers_async.py::test_inline_at_the_end",
        ),
    ),
    Target(
        "lifecycle/shutdown.py",
        ("torture/test_exits.py::test_a_stream_held_until_the_program_ends", _FORK),
    ),
    Target(
        "lifecycle/generators.py",
        (
            "test_google_genai.py",
            "test_ollama.py",
            "decorators/test_generators.py",
            "test_second_loops.py",
            "test_outcomes.py",
        ),
        only=_GOOGLE,
    ),
    Target("accounting/prices/priced_call.py", ("test_price_counts.py",)),
    Target("accounting/prices/counts.py", ("test_price_counts.py",)),
    Target(
        "telemetry/metrics.py",
        (
            "test_token_series.py",
            "test_chunk_times.py",
            "test_estimates.py::test_silent_provider",
            "test_background_responses.py::test_polls_are_one_call",
            "test_budgets.py",
            "test_cost.py",
        ),
    ),
)

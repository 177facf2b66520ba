"""The modules that are changed, each with the tests that guard it, those that fail soonest first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """A module below `src/callspan`, and the files of its tests below `tests`."""

    module: str
    tests: tuple[str, ...]

    @property
    def source(self) -> Path:
        """The module's file, from the root of the project."""
        return Path("src", "callspan", self.module)

    @property
    def test_files(self) -> tuple[str, ...]:
        """The files of its tests, from the root of the project."""
        return tuple(f"tests/{name}" for name in self.tests)


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
    Target("number.py", ("test_number_types.py",)),
    Target("budgets.py", ("test_reservations.py", "test_budgets.py")),
    Target("reservations.py", ("test_reservations.py", "test_budgets.py")),
    Target("dispatch.py", ("test_handlers.py", "test_handlers_async.py")),
    Target(
        "observation.py",
        ("test_outcomes.py", "test_handlers.py", "test_second_loops.py", "test_budgets.py"),
    ),
    Target("streams.py", ("test_outcomes.py", "test_second_loops.py", "test_parsing_errors.py")),
    Target("generators.py", ("test_google_genai.py", "test_ollama.py")),
    Target("accounting/prices/charge.py", ("test_cost.py",)),
    Target("accounting/prices/counts.py", ("test_cost.py",)),
    Target("telemetry/metrics.py", ("test_metric_bounds.py", "test_token_series.py")),
)

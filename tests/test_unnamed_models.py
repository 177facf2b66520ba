"""Calls that name no model: what is said to people names something else."""

from __future__ import annotations

from typing import Any

import openai
import pytest

import callspan
from telemetry import Telemetry


@pytest.mark.breaks("span.required", "the app names no model, which the conventions require")
@pytest.mark.guard_acts("a budget in usd says that it does not know a price")
def test_a_budget_for_an_unnamed_model(
    telemetry: Telemetry, client: openai.OpenAI, guard_reports: Any
) -> None:
    """An image needs no model's name in the request, and none comes in the answer."""
    with callspan.budget(usd=1):
        client.images.generate(prompt="Roses")
    text = str(guard_reports)
    assert "the cost of generate_content calls that name no model" in text
    assert "None" not in text

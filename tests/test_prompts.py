"""Prompt templates that a request names: their name and version always, their variables as content."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from callspan.semconv.content import MOST_VARIABLES
from callspan.testing.modelserver import ModelServer
from telemetry import Telemetry

VARIABLE = "gen_ai.prompt.variable."
PROMPT: Any = {
    "id": "pmpt_1",
    "version": "2",
    "variables": {
        "flower": "whisper-rose",
        "city": {"type": "input_text", "text": "whisper-Paris"},
        "photo": {"type": "input_image", "image_url": "data:image/png;base64,d2hpc3Blcg=="},
    },
}


def ask(client: openai.OpenAI, prompt: Any) -> None:
    """Ask a model by a prompt that the provider keeps."""
    client.responses.create(model="gpt-4.1-mini", prompt=prompt)


def variables(attributes: Any) -> dict[str, Any]:
    """The variables among attributes, by their own names."""
    return {
        name.removeprefix(VARIABLE): value
        for name, value in attributes.items()
        if name.startswith(VARIABLE)
    }


def test_which_prompt_it_was(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """Id and version are no content, and what the app fills in is."""
    ask(client, PROMPT)
    assert telemetry.attributes["gen_ai.prompt.name"] == "pmpt_1"
    assert telemetry.attributes["gen_ai.prompt.version"] == "2"
    assert "whisper" not in telemetry.everything()
    assert "flower" not in telemetry.everything()


@pytest.mark.instrument(capture="both")
def test_its_variables(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """Each is a text of its own, on the span and in the event; of an image its bytes are left out."""
    ask(client, PROMPT)
    on_span = variables(telemetry.attributes)
    assert on_span == variables(telemetry.logs[0]["attributes"])
    [photo] = json.loads(on_span.pop("photo"))
    assert (photo["type"], photo["modality"]) == ("blob", "image")
    assert "d2hpc3Blcg" not in telemetry.everything()
    assert on_span == {"flower": "whisper-rose", "city": "whisper-Paris"}


@pytest.mark.instrument(capture="span", redact=lambda text, _field: text.replace("whisper", "…"))
def test_variables_are_redacted(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """The hook sees them as it sees messages."""
    ask(client, PROMPT)
    assert variables(telemetry.attributes)["flower"] == "…-rose"
    assert "whisper" not in telemetry.everything()


@pytest.mark.instrument(capture="span", capture_fields=["output"])
def test_variables_belong_to_the_input(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """Where the input is not captured, no variable is."""
    ask(client, PROMPT)
    assert not variables(telemetry.attributes)


@pytest.mark.instrument(capture="span")
def test_many_variables_leave_room_for_the_rest(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """A span holds so many attributes: variables beyond a number are named as left out."""
    many = {f"v{number}": "a rose" for number in range(200)}
    ask(client, {"id": "pmpt_1", "variables": many})
    assert len(variables(telemetry.attributes)) == MOST_VARIABLES
    assert len(telemetry.attributes["callspan.content.dropped"]) == 200 - MOST_VARIABLES
    assert telemetry.attributes["gen_ai.usage.output_tokens"] == (
        model_server.ledger.total_told.output
    )


@pytest.mark.parametrize("prompt", [None, {}, {"id": 7, "variables": 3}])
@pytest.mark.instrument(capture="span")
def test_odd_prompts(telemetry: Telemetry, client: openai.OpenAI, prompt: Any) -> None:
    """What is no prompt of OpenAI's has no name, and costs the call nothing."""
    extra = {"prompt": prompt}
    client.responses.create(model="gpt-4.1-mini", input="A rose?", extra_body=extra)
    assert "gen_ai.prompt.name" not in telemetry.attributes
    assert not variables(telemetry.attributes)

"""The names by which a model is asked: which of them have a price, and which only look as if they had."""

from __future__ import annotations

from typing import Any

import pytest

import callspan
from callspan.accounting.prices.priced_call import PricedCall
from callspan.accounting.prices.table import Prices

HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"
ARN = "arn:aws:bedrock:us-east-1"
PRICES = Prices()


def price(provider: str, asked: str | None, answered: str | None = None) -> float | None:
    """Return what a million tokens of input cost."""
    usage = callspan.Usage(input=1_000_000, output=0)
    return PRICES.cost(PricedCall(provider, (asked, answered), (), 29_800_000, usage)).usd


@pytest.mark.parametrize(
    ("provider", "asked", "answered", "usd"),
    [
        ("aws.bedrock", HAIKU, None, 1.1),
        ("aws.bedrock", f"{ARN}::foundation-model/{HAIKU}", None, 1.1),
        ("aws.bedrock", f"{ARN}::foundation-model/amazon.nova-lite-v1:0", None, 0.06),
        (
            "aws.bedrock",
            f"arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/{HAIKU}",
            None,
            1.1,
        ),
        ("aws.bedrock", f"{ARN}:123456789012:inference-profile/us.{HAIKU}", None, 1.1),
        ("aws.bedrock", f"{ARN}:123456789012:inference-profile/global.{HAIKU}", None, 1.0),
        ("aws.bedrock", f"global.{HAIKU}", "claude-haiku-4-5-20251001", 1.0),
        ("aws.bedrock", f"eu.{HAIKU}", None, 1.1),
        ("aws.bedrock", "apac.anthropic.claude-3-5-sonnet-20240620-v1:0", None, 3),
        ("aws.bedrock", f"converse/us.{HAIKU}", None, 1.1),
        (
            "aws.bedrock",
            f"{ARN}:1:default-prompt-router/anthropic.claude:1",
            f"{ARN}::foundation-model/{HAIKU}",
            1.1,
        ),
        (
            "aws.bedrock",
            f"{ARN}:123456789012:application-inference-profile/a1b2c3",
            "claude-haiku-4-5-20251001",
            None,
        ),
        (
            "aws.bedrock",
            f"{ARN}:123456789012:provisioned-model/a1b2c3",
            "claude-haiku-4-5-20251001",
            None,
        ),
        ("aws.bedrock", f"{ARN}:123456789012:imported-model/a1b2c3", None, None),
        ("aws.bedrock", f"{ARN}:123456789012:custom-model-deployment/a1b2c3", None, None),
        ("gcp.vertex_ai", "publishers/anthropic/models/claude-haiku-4-5@20251001", None, 1),
        (
            "gcp.vertex_ai",
            "projects/p/locations/l/publishers/google/models/gemini-2.5-flash",
            None,
            0.3,
        ),
        ("gcp.vertex_ai", "publishers/google/models/gemini-2.5-flash", "gemini-2.5-flash", 0.3),
        ("gcp.vertex_ai", "projects/p/locations/l/endpoints/123", "gemini-2.5-flash", None),
        ("gcp.gemini", "models/gemini-2.5-flash", None, 0.3),
        ("gcp.gemini", "tunedModels/gemini-2.5-flash-mine", "gemini-2.5-flash", None),
        ("azure.ai.openai", "gpt-4o", "gpt-4.1-mini-2025-04-14", 0.4),
        ("azure.ai.openai", "gpt-4o", "unheard-of", None),
        ("azure.ai.openai", "gpt-4o", None, 2.5),
        ("openai", "ft:gpt-4.1:my-org::abc", None, None),
        ("openai", "ft:gpt-4.1:my-org::abc", "gpt-4.1", None),
        ("openai", "ft:gpt-3.5-turbo-0125:my-org::abc", None, 3),
        ("mistral_ai", "ft:mistral-small-latest:x:y", "mistral-small-latest", None),
        (
            "openrouter",
            "meta-llama/llama-3.3-70b-instruct:free",
            "meta-llama/llama-3.3-70b-instruct",
            0,
        ),
        ("openrouter", "openai/gpt-4o:nitro", "openai/gpt-4o", None),
        ("openrouter", "openai/gpt-4o", "openai/gpt-4o", 2.5),
        ("litellm", f"bedrock/global.{HAIKU}", None, 1.0),
        ("litellm", "azure/gpt-4o", None, 2.5),
        ("litellm", "vertex_ai/gemini-2.5-flash", None, 0.3),
        ("openai", None, None, None),
    ],
)
def test_names(provider: str, asked: str | None, answered: str | None, usd: float | None) -> None:
    """A name is looked up by what the provider means by it, or not at all."""
    assert price(provider, asked, answered) == (None if usd is None else pytest.approx(usd))


def test_cached_sound_is_counted_once() -> None:
    """Sound that came from a cache costs what cached sound does, and nothing beside it."""
    counts: dict[str, Any] = {"input": 1000, "output": 0, "cache_read": 500, "input_audio": 800}
    usage = callspan.Usage(**counts, details={"cache_read_audio": 500})
    found = PRICES.cost(PricedCall("gcp.gemini", ("gemini-2.5-flash", None), (), 29_800_000, usage))
    assert found.usd == pytest.approx((200 * 0.3 + 300 * 1 + 500 * 0.1) / 1e6)


@pytest.mark.parametrize(
    ("read", "sound", "usd", "unknown"),
    [(1000, 800, 200 * 0.03 + 800 * 0.1, None), (500, 800, None, "modality")],
)
def test_cached_sound_that_nobody_states(
    read: int, sound: int, usd: float | None, unknown: str | None
) -> None:
    """How much of the cached input was sound is known only where the numbers leave no choice."""
    usage = callspan.Usage(input=1000, output=0, cache_read=read, input_audio=sound)
    found = PRICES.cost(PricedCall("gcp.gemini", ("gemini-2.5-flash", None), (), 29_800_000, usage))
    assert (found.usd, found.unknown) == (
        None if usd is None else pytest.approx(usd / 1e6),
        unknown,
    )


def test_parts_that_are_more_than_the_whole() -> None:
    """Counts that contradict each other have no cost."""
    usage = callspan.Usage(input=10, output=0, cache_read=500)
    assert (
        PRICES.cost(PricedCall("openai", ("gpt-4o", None), (), 29_800_000, usage)).unknown
        == "tokens"
    )

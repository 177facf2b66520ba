"""The token counter under the names that programs written for LangChain's `get_openai_callback` use."""

from __future__ import annotations

import math

from callspan.handlers.counter import TokenCount


class OpenAICount:
    """A `TokenCount` as LangChain names it; readable while the block runs. `count` has what LangChain has no name for.

    `successful_requests` are the calls that did not fail; those whose tokens nobody stated add none.
    """

    __slots__ = ("count",)

    def __init__(self, count: TokenCount) -> None:
        self.count = count

    @property
    def total_tokens(self) -> int:
        """Input and output tokens together."""
        return self.count.total

    @property
    def prompt_tokens(self) -> int:
        """Input tokens, cached ones among them."""
        return self.count.input

    @property
    def prompt_tokens_cached(self) -> int:
        """Input tokens that the provider read from its cache."""
        return self.count.cached

    @property
    def completion_tokens(self) -> int:
        """Output tokens, reasoning among them."""
        return self.count.output

    @property
    def reasoning_tokens(self) -> int:
        """Output tokens that were reasoning."""
        return self.count.reasoning

    @property
    def successful_requests(self) -> int:
        """The calls that did not fail, streams that the reader left early among them."""
        return self.count.calls - self.count.failed_calls

    @property
    def total_cost(self) -> float:
        """US dollars; not a number as soon as the price of one call is unknown. `count.cost` is the known part."""
        cost = self.count.cost
        return math.nan if cost is None or self.count.unknown_cost_calls else cost

    def __repr__(self) -> str:
        cost = self.total_cost
        return (
            f"Tokens Used: {self.total_tokens}\n"
            f"\tPrompt Tokens: {self.prompt_tokens}\n"
            f"\t\tPrompt Tokens Cached: {self.prompt_tokens_cached}\n"
            f"\tCompletion Tokens: {self.completion_tokens}\n"
            f"\t\tReasoning Tokens: {self.reasoning_tokens}\n"
            f"Successful Requests: {self.successful_requests}\n"
            f"Total Cost (USD): {'unknown' if math.isnan(cost) else f'${cost}'}"
        )

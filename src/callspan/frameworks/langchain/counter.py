"""The token counter under the names of LangChain's `get_openai_callback`."""

from __future__ import annotations

import math

from callspan.handlers.counter import TokenCount


class OpenAICount:
    """A `TokenCount` under LangChain's names; readable while the block runs.

    Attributes:
        count: The `TokenCount`, which has more than LangChain has names for.
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
        """Calls that did not fail, streams that the reader left early among them.

        Those whose tokens nobody stated count as well, and add no tokens.
        """
        return self.count.calls - self.count.failed_calls

    @property
    def total_cost(self) -> float:
        """US dollars; NaN as soon as the price of one call is unknown.

        `count.cost` is the cost of the calls whose price is known.
        """
        cost = self.count.cost
        # it formats and adds up as a float does, and cannot be read as the whole sum
        if cost is None or self.count.unknown_cost_calls:
            return math.nan
        return cost

    def __repr__(self) -> str:
        cost = "unknown" if math.isnan(self.total_cost) else f"${self.total_cost}"
        return (
            # the lines that LangChain's own object prints
            f"Tokens Used: {self.total_tokens}\n"
            f"\tPrompt Tokens: {self.prompt_tokens}\n"
            f"\t\tPrompt Tokens Cached: {self.prompt_tokens_cached}\n"
            f"\tCompletion Tokens: {self.completion_tokens}\n"
            f"\t\tReasoning Tokens: {self.reasoning_tokens}\n"
            f"Successful Requests: {self.successful_requests}\n"
            f"Total Cost (USD): {cost}"
        )

"""LiteLLM: one call for all providers, over their clients or over HTTP of its own."""

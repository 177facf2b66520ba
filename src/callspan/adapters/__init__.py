"""The clients that callspan knows, one module each."""

from callspan.adapters.openai import OPENAI

ADAPTERS = (OPENAI,)

"""The clients that callspan knows, one module each."""

from callspan.adapters.anthropic import ANTHROPIC
from callspan.adapters.openai import OPENAI

ADAPTERS = (OPENAI, ANTHROPIC)

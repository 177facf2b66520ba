"""Frameworks with hooks of their own: their runs feed the same observations as the calls of clients."""

from callspan.frameworks.langchain.source import LANGCHAIN
from callspan.frameworks.litellm.source import LITELLM

SOURCES = (LANGCHAIN, LITELLM)

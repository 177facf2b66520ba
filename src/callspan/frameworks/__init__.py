"""Frameworks with hooks of their own: their runs feed the same observations as the calls of clients."""

from callspan.frameworks.langchain.integration import LANGCHAIN
from callspan.frameworks.litellm.integration import LITELLM

SOURCES = (LANGCHAIN, LITELLM)

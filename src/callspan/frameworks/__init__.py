"""Frameworks with hooks of their own: their runs feed the same observations as clients' calls."""

from callspan.frameworks.langchain.integration import LANGCHAIN
from callspan.frameworks.litellm.integration import LITELLM

INTEGRATIONS = (LANGCHAIN, LITELLM)

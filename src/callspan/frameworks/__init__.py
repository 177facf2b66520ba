"""Frameworks with hooks of their own: their runs feed the same observations as clients' calls."""

from callspan.frameworks.langchain.integration import LANGCHAIN
from callspan.frameworks.litellm.integration import LITELLM
from callspan.frameworks.openai_agents import OPENAI_AGENTS
from callspan.frameworks.pydantic_ai import PYDANTIC_AI

INTEGRATIONS = (LANGCHAIN, LITELLM, OPENAI_AGENTS, PYDANTIC_AI)

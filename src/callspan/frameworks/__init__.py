"""Frameworks with hooks of their own: their runs feed the same observations as clients' calls."""

from callspan.frameworks.agent_framework import AGENT_FRAMEWORK
from callspan.frameworks.agno import AGNO
from callspan.frameworks.autogen import AUTOGEN
from callspan.frameworks.beeai import BEEAI
from callspan.frameworks.claude_agent_sdk.integration import CLAUDE_AGENT_SDK
from callspan.frameworks.crewai import CREWAI
from callspan.frameworks.dspy import DSPY
from callspan.frameworks.google_adk import GOOGLE_ADK
from callspan.frameworks.guardrails import GUARDRAILS
from callspan.frameworks.haystack import HAYSTACK
from callspan.frameworks.instructor import INSTRUCTOR
from callspan.frameworks.langchain.integration import LANGCHAIN
from callspan.frameworks.litellm.integration import LITELLM
from callspan.frameworks.llama_index import LLAMA_INDEX
from callspan.frameworks.mcp.integration import MCP
from callspan.frameworks.memory_stores import MEMORY_STORES
from callspan.frameworks.openai_agents import OPENAI_AGENTS
from callspan.frameworks.pydantic_ai import PYDANTIC_AI
from callspan.frameworks.semantic_kernel import SEMANTIC_KERNEL
from callspan.frameworks.smolagents import SMOLAGENTS
from callspan.frameworks.strands import STRANDS
from callspan.frameworks.vector_stores import VECTOR_STORES
from callspan.lifecycle.control_flow import register

INTEGRATIONS = (
    LANGCHAIN,
    LITELLM,
    OPENAI_AGENTS,
    PYDANTIC_AI,
    LLAMA_INDEX,
    STRANDS,
    AGNO,
    HAYSTACK,
    SMOLAGENTS,
    CREWAI,
    DSPY,
    AUTOGEN,
    AGENT_FRAMEWORK,
    SEMANTIC_KERNEL,
    CLAUDE_AGENT_SDK,
    INSTRUCTOR,
    MCP,
    GOOGLE_ADK,
    BEEAI,
    GUARDRAILS,
    *VECTOR_STORES,
    *MEMORY_STORES,
)

# also for frameworks that are not observed: a decorated function may end with such an exception
for _integration in INTEGRATIONS:
    register(_integration.control_flow, _integration.cancellations)

"""The third dashboard: agents, tools and workflows."""

from __future__ import annotations

from typing import Any

from panels import Panel, made, services
from series import AGENT, SPANS, TOOL, WORKFLOW, share

NAME, TOOL_NAME = "gen_ai_agent_name", "gen_ai_tool_name"
FAILED = 'error_type!=""'

PANELS = (
    Panel("Runs of agents", [(AGENT.count(NAME), "{{gen_ai_agent_name}}")], "reqps", stacked=True),
    Panel("Duration of agents", [(AGENT.quantile(of, NAME), f"{{{{gen_ai_agent_name}}}} p{of * 100:g}")
          for of in (0.5, 0.95)], "s", exemplars=True),
    Panel("Agents that failed", [(share(AGENT.only(FAILED).count(NAME), AGENT.count(NAME)), "{{gen_ai_agent_name}}")],
          "percentunit"),
    Panel("Runs of tools", [(TOOL.count(TOOL_NAME), "{{gen_ai_tool_name}}")], "reqps", stacked=True),
    Panel("Duration of tools", [(TOOL.quantile(of, TOOL_NAME), f"{{{{gen_ai_tool_name}}}} p{of * 100:g}")
          for of in (0.5, 0.95)], "s", exemplars=True),
    Panel("Tools that failed", [(share(TOOL.only(FAILED).count(TOOL_NAME), TOOL.count(TOOL_NAME)),
          "{{gen_ai_tool_name}}")], "percentunit"),
    Panel("Duration of workflows", [(WORKFLOW.quantile(0.95, "gen_ai_workflow_name"), "{{gen_ai_workflow_name}} p95")],
          "s", exemplars=True),
    Panel("Spans by operation", [(SPANS.rate("gen_ai_operation_name"), "{{gen_ai_operation_name}}")], "reqps",
          "Of model calls, agents, tools and retrieval; those without a name are the app's own.", 16, stacked=True),
)  # fmt: skip


def dashboard() -> Any:
    """The dashboard."""
    return made("callspan-agents", "Model calls: agents and tools", PANELS, services())

"""The third dashboard: agents, tools and workflows."""

from __future__ import annotations

from typing import Any

from panels import Panel, made, services
from series import AGENT, SPANS, TOOL, WORKFLOW, share

NAME, TOOL_NAME = "gen_ai_agent_name", "gen_ai_tool_name"
AGENT_LINE, TOOL_LINE = "{{gen_ai_agent_name}}", "{{gen_ai_tool_name}}"
FAILED = 'error_type!=""'
NO_AGENTS, NO_TOOLS = "no agents", "no tools"

PANELS = (
    Panel("Runs of agents", [(AGENT.count(NAME), AGENT_LINE)], "A second; failed ones too.", NO_AGENTS, "reqps",
          stacked=True),
    Panel("Duration of agents", [(AGENT.quantile(of, NAME), f"{AGENT_LINE} p{of * 100:g}") for of in (0.5, 0.95)],
          "A diamond is one run: it leads to its trace.", NO_AGENTS, "s", exemplars=True),
    Panel("Agents that failed", [(share(AGENT.only(FAILED).count(NAME), AGENT.count(NAME)), AGENT_LINE)],
          "The share of runs that ended with an error.", NO_AGENTS, "percentunit"),
    Panel("Runs of tools", [(TOOL.count(TOOL_NAME), TOOL_LINE)], "A second; failed ones too.", NO_TOOLS, "reqps",
          stacked=True),
    Panel("Duration of tools", [(TOOL.quantile(of, TOOL_NAME), f"{TOOL_LINE} p{of * 100:g}") for of in (0.5, 0.95)],
          "A diamond is one run: it leads to its trace.", NO_TOOLS, "s", exemplars=True),
    Panel("Tools that failed", [(share(TOOL.only(FAILED).count(TOOL_NAME), TOOL.count(TOOL_NAME)), TOOL_LINE)],
          "The share of runs that ended with an error.", NO_TOOLS, "percentunit"),
    Panel("Duration of workflows", [(WORKFLOW.quantile(0.95, "gen_ai_workflow_name"), "{{gen_ai_workflow_name}} p95")],
          "One run in twenty takes longer. With the newest conventions workflows are among the agents.",
          "no workflows", "s", exemplars=True),
    Panel("Spans by operation", [(SPANS.rate("gen_ai_operation_name"), "{{gen_ai_operation_name}}")],
          "Of model calls, agents, tools and retrieval; those without a name are the app's own.", "no spans", "reqps",
          16, stacked=True),
)  # fmt: skip


def dashboard() -> Any:
    """The dashboard."""
    return made("callspan-agents", "Model calls: agents and tools", PANELS, services())

"""Agno's workflow has a step in which an agent of OpenAI Agents runs, whose tool is one of an MCP server.

agno 3.1.10, openai-agents 0.24.0, mcp 2.3.0. Needs OPENAI_BASE_URL and OPENAI_API_KEY (any).
"""

import asyncio
import os

os.environ.setdefault("AGNO_TELEMETRY", "false")

import agents
from agno.agent import Agent
from agno.models.openai import OpenAIChat
from agno.workflow import Step, StepInput, StepOutput, Workflow
from mcp import Client
from mcp.server.mcpserver import MCPServer

agents.set_trace_processors([])
server = MCPServer("flowers")


@server.tool()
def flower_price(flower: str, count: int) -> str:
    """What so many stems of a flower cost."""
    return f"{count} stems of {flower} cost {count * 1.2:.2f} euros."


async def main() -> None:
    """Run the workflow."""
    async with Client(server) as client:

        @agents.function_tool(name_override="flower_price")
        async def ask_server(flower: str, count: int) -> str:
            """What so many stems of a flower cost."""
            result = await client.call_tool("flower_price", {"flower": flower, "count": count})
            return str(result.content[0].text)

        seller = agents.Agent(name="Seller", tools=[ask_server], model="gpt-4.1-mini")

        async def sell(step: StepInput) -> StepOutput:
            result = await agents.Runner.run(seller, str(step.input))
            return StepOutput(content=result.final_output)

        model = OpenAIChat(id="gpt-4.1-mini", base_url=os.environ["OPENAI_BASE_URL"])
        poet = Agent(name="Poet", model=model, telemetry=False)
        steps = [Step(name="sell", executor=sell), Step(name="thank", agent=poet)]
        shop = Workflow(name="Flower shop", steps=steps, telemetry=False)
        print((await shop.arun("What is the price of 12 tulip stems?")).content)


asyncio.run(main())

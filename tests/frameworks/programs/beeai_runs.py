"""BeeAI: agents with tools that work and fail, one that is cancelled, workflows, and plain calls.

beeai-framework 0.1.85. Needs OPENAI_BASE_URL.
"""

import asyncio
import contextlib
import os
import sys
import warnings

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
warnings.simplefilter("ignore")

from beeai_framework.adapters.openai import OpenAIChatModel
from beeai_framework.agents.tool_calling import ToolCallingAgent
from beeai_framework.agents.types import AgentMeta
from beeai_framework.backend import UserMessage
from beeai_framework.memory import UnconstrainedMemory
from beeai_framework.tools import tool
from beeai_framework.workflows import Workflow
from pydantic import BaseModel

model = OpenAIChatModel("gpt-4.1-mini", base_url=os.environ["OPENAI_BASE_URL"], api_key="none")


@tool
def flower_price(flower: str, count: int) -> str:
    """What so many stems of a flower cost."""
    return f"{count} stems of {flower} cost {count * 2.0:.2f} euros."


@tool
def flower_stock(flower: str) -> str:
    """How many stems there are."""
    raise RuntimeError("the cellar is locked")


@tool
async def flower_order(flower: str) -> str:
    """Order stems; takes its time."""
    ordering.set()
    await asyncio.sleep(30)
    return "on their way"


def seller(name: str | None = "seller") -> ToolCallingAgent:
    meta = None
    tools = [flower_price, flower_stock, flower_order]
    if name is not None:
        meta = AgentMeta(name=name, description="sells", tools=tools)
    return ToolCallingAgent(
        llm=model,
        memory=UnconstrainedMemory(),
        tools=tools,
        meta=meta,
        final_answer_as_tool=False,
    )


class Card(BaseModel):
    subject: str
    text: str = ""


async def write(card: Card) -> str:
    answer = await model.run([UserMessage(f"Write a poem of a {card.subject}")])
    card.text = answer.get_text_content()
    return Workflow.NEXT


async def judge(card: Card) -> str:
    await seller("critic").run(f"What is the price of 3 {card.subject} stems?")
    return Workflow.END


async def main() -> None:
    print("chat:", (await model.run([UserMessage("Hello")])).get_text_content())
    streamed = await model.run([UserMessage("A tulip")], stream=True)
    print("streamed:", streamed.get_text_content())
    answer = await seller().run("What is the price of 12 tulip stems?")
    print("agent:", answer.last_message.text)
    answer = await seller(None).run([UserMessage("What is the price of 7 rose stems?")])
    print("no name:", answer.last_message.text)
    try:
        print("fails:", (await seller().run("How is the stock of tulip")).last_message.text)
    except Exception as error:
        print("failed:", type(error).__name__)
    task = asyncio.create_task(run(seller()))
    await ordering.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    print("cancelled")
    flow = Workflow(schema=Card, name="card").add_step("write", write).add_step("judge", judge)
    print("workflow:", (await flow.run(Card(subject="tulip"))).state.text[:30])


async def run(agent: ToolCallingAgent) -> None:
    await agent.run("Make an order of peony")


ordering = asyncio.Event()
asyncio.run(main())
sys.stdout.flush()

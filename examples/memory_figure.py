"""What each memory of a conversation costs in tokens as the conversation grows: measured, and drawn into a PNG.

OPENAI_API_KEY=... python examples/memory_figure.py [FILE.png]
"""

import os
import sys
import warnings

import matplotlib
from langchain_classic import memory
from langchain_classic.chains import ConversationChain
from langchain_core.messages.utils import count_tokens_approximately
from langchain_openai import ChatOpenAI

import callspan

matplotlib.use("Agg")  # no screen is needed
warnings.filterwarnings("ignore", message=".* was deprecated in LangChain")
MODEL = os.environ.get("FLOWER_SHOP_MODEL", "gpt-4.1-mini")
TURNS = int(os.environ.get("TURNS", "12"))
QUESTIONS = (
    "My sister has her birthday tomorrow and I need a bouquet for her, not too big and not too dear.",
    "She likes pink roses more than anything, but last year I gave her roses too: what goes with them?",
    "How long do tulips last in a vase, and is there something that I should put into the water?",
    "I also need something small for my neighbour, who looks after the cactus while we are away.",
)
LIMIT = 160


class Florist(ChatOpenAI):
    """Estimates tokens where a memory asks for them; to count them exactly, tables would have to be downloaded."""

    def get_num_tokens_from_messages(self, messages, *args, **kwargs) -> int:
        return count_tokens_approximately(messages)


def memories(llm: Florist) -> dict:
    return {
        "buffer": memory.ConversationBufferMemory(),
        "window (2 turns)": memory.ConversationBufferWindowMemory(k=2),
        "summary": memory.ConversationSummaryMemory(llm=llm),
        f"summary-buffer ({LIMIT})": memory.ConversationSummaryBufferMemory(
            llm=llm, max_token_limit=LIMIT
        ),
        f"token-buffer ({LIMIT})": memory.ConversationTokenBufferMemory(
            llm=llm, max_token_limit=LIMIT
        ),
    }


def converse(llm: Florist, kept) -> list[int]:
    """The tokens of each turn, those for keeping the memory among them."""
    conversation = ConversationChain(llm=llm, memory=kept)
    spent = []
    for turn in range(TURNS):
        with callspan.count_tokens() as usage:
            conversation.invoke(QUESTIONS[turn % len(QUESTIONS)])
        spent.append(usage.total)
    return spent


def draw(spent: dict[str, list[int]], path: str) -> None:
    from matplotlib import pyplot

    figure, (each, together) = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    turns = range(1, TURNS + 1)
    for name, tokens in spent.items():
        each.plot(turns, tokens, marker="o", markersize=3, label=name)
        together.plot(
            turns, [sum(tokens[:turn]) for turn in turns], marker="o", markersize=3, label=name
        )
    each.set(title="Tokens of each turn", xlabel="turn", ylabel="tokens", ylim=0)
    together.set(title="Tokens of the conversation so far", xlabel="turn", ylabel="tokens", ylim=0)
    together.legend(title="memory", loc="upper left")
    figure.savefig(path, dpi=120)


def main(path: str = "tokens_by_memory.png") -> None:
    callspan.instrument()
    llm = Florist(model=MODEL)
    spent = {}
    with callspan.count_tokens() as usage:
        for name, kept in memories(llm).items():
            spent[name] = converse(llm, kept)
            print(
                f"{name}: {sum(spent[name])} tokens in {TURNS} turns, {spent[name][-1]} in the last"
            )
    print(f"together: {usage.total} tokens in {usage.calls} calls")
    draw(spent, path)
    print(f"drawn into {path}")


if __name__ == "__main__":
    main(*sys.argv[1:])

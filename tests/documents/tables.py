"""The pages of clients and of settings."""

from __future__ import annotations

import contextlib
import io

from callspan.cli.clients import main as print_clients
from callspan.settings.environment import VARIABLES
from callspan.settings.settings import SETTINGS

_CLIENTS = """\
# Clients

The first column is the name for `clients=` and `CALLSPAN_CLIENTS`; `callspan clients` shows which are installed here,
and what of them is patched. Any server that speaks OpenAI's format works through OpenAI's client: the provider is told
from the address (Azure, Groq, DeepSeek, OpenRouter, Together, x.ai, Perplexity, Mistral, Ollama, vLLM and more).

{table}

- `boto3` and `aiobotocore` are seen where they speak to Bedrock: Converse, InvokeModel, agents, knowledge bases
  and ranks; calls of other services are passed on untouched. A search that a model plans (`agentic_retrieve_stream`) is
  a retrieval, or a chat where it is to write an answer; Bedrock states no tokens for either.
- Over LiteLLM each request that is really made is one call, whichever client or HTTP of its own makes it: retries,
  fallbacks and what its router does are calls of their own, mocks and cache hits are none. Its functions in the formats
  of Anthropic (`anthropic_messages`, `anthropic.messages`) and Google (`google_genai`, `interactions.create`) are seen
  too.
- The clients that Anthropic, Mistral and Cohere have for the clouds of Amazon, Google and Microsoft are seen as those
  clients, with the cloud as the provider.
- Spans that clients make by themselves (Anthropic's, Mistral's, xAI's) give way to ours for the calls that have one.
- A response of OpenAI's that is made with `background=True` is one call, without tokens at first; they are added when a
  `retrieve` in the same process brings them. Fetching is no call, nor is a response that another process has made.
- Sessions over a socket (`realtime.connect` and `responses.connect` of OpenAI's client, `aio.live.connect` of Google's)
  have a call for each response, and none for the connection: [sessions](recorded.md#sessions).
- Models that run in the program (`transformers`, `llama_cpp`, `vllm`, `sentence_transformers`, `fastembed`) have
  INTERNAL spans, exact tokens and no cost. One that lies in a folder is named by the last part of its path. A pipeline
  is one call, with an answer for each prompt, as is a batch of vLLM's. Where `generate` runs in a thread of its own,
  for a streamer, give the thread `callspan.carry(model.generate)`: then its span has a parent.

What is not seen of each: [not seen](../not-seen.md). The versions that were tried: [versions](../tested-versions.md).
What of a framework is seen: [frameworks](../frameworks.md).
"""
_SETTINGS = """\
# Settings

Arguments win over variables. A wrong variable is told in one line and counts as not set; a wrong argument is an error.
The standard `OTEL_*` variables of the SDK hold as everywhere. The options of `callspan run` set these variables
([commands](commands.md)); `callspan doctor` shows which settings hold, and where each comes from.

{table}

`OTEL_SDK_DISABLED=true` switches everything off. Each argument is explained at
[`instrument`](python.md#instrument).
"""


def clients_page() -> str:
    """Return the page with the table that `callspan clients --markdown` prints."""
    table = io.StringIO()
    with contextlib.redirect_stdout(table):
        print_clients(["--markdown"])
    return _CLIENTS.format(table=table.getvalue().strip())


def settings_page() -> str:
    """Return the page with all settings, in the order of the table in the code."""
    lines = ["| argument of `instrument` | variable | values |", "| --- | --- | --- |"]
    for name, setting in SETTINGS.items():
        argument = f"`{name}`" if setting.is_argument else ""
        # the text in the code has links from the top of the project
        text = setting.help.replace("](docs/", "](../")
        lines.append(f"| {argument} | `{setting.variable}` | {text} |")
    for variable, text in VARIABLES.items():
        lines.append(f"| | `{variable}` | {text} |")
    return _SETTINGS.format(table="\n".join(lines))

"""The clients that callspan watches, one module each, which is loaded when its client is."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from callspan.runtime.listing import Listing, load

if TYPE_CHECKING:
    from callspan.hooks.client import Client


def _listing(home: str, *modules: str, name: str = "") -> Listing[Client]:
    """Return the listing of the client whose data a module of this folder has.

    Args:
        home: The module's name; the data has the same in capitals.
        modules: The modules of the client that are patched, or begin the names of those.
        name: The name that users write, where it is another than the module's.
    """
    return Listing(name or home, modules, partial(load, f"callspan.clients.{home}", home.upper()))


CLIENTS = (
    _listing("openai", "openai"),
    _listing("anthropic", "anthropic"),
    _listing("google_genai", "google.genai"),
    _listing("groq", "groq"),
    _listing("together", "together"),
    _listing("cerebras", "cerebras.cloud.sdk"),
    _listing("fireworks", "fireworks"),
    _listing("sambanova", "sambanova"),
    _listing("perplexity", "perplexity"),
    _listing("writer", "writerai"),
    _listing("ai21", "ai21"),
    _listing("azure_ai_inference", "azure.ai.inference"),
    _listing("xai", "xai_sdk", name="xai_sdk"),
    _listing("letta", "letta_client"),
    _listing("mistral", "mistralai", "mistralai_azure", "mistralai_gcp", name="mistralai"),
    _listing("cohere", "cohere"),
    _listing("voyageai", "voyageai"),
    _listing("ollama", "ollama"),
    _listing("huggingface_hub", "huggingface_hub"),
    _listing("replicate", "replicate"),
    _listing("watsonx", "ibm_watsonx_ai"),
    _listing("databricks", "databricks.sdk"),
    _listing("deepgram", "deepgram"),
    _listing("elevenlabs", "elevenlabs"),
    _listing("boto3", "botocore"),
    _listing("aiobotocore", "aiobotocore"),
    _listing("transformers", "transformers"),
    _listing("llama_cpp", "llama_cpp"),
    _listing("vllm", "vllm"),
    _listing("sentence_transformers", "sentence_transformers"),
    _listing("fastembed", "fastembed"),
)

"""The clients that callspan watches, one module each."""

from callspan.clients.ai21 import AI21
from callspan.clients.aiobotocore import AIOBOTOCORE
from callspan.clients.anthropic import ANTHROPIC
from callspan.clients.azure_ai_inference import AZURE_AI_INFERENCE
from callspan.clients.boto3 import BOTO3
from callspan.clients.cerebras import CEREBRAS
from callspan.clients.cohere import COHERE
from callspan.clients.deepgram import DEEPGRAM
from callspan.clients.fastembed import FASTEMBED
from callspan.clients.fireworks import FIREWORKS
from callspan.clients.google_genai import GOOGLE_GENAI
from callspan.clients.groq import GROQ
from callspan.clients.huggingface_hub import HUGGINGFACE_HUB
from callspan.clients.letta import LETTA
from callspan.clients.llama_cpp import LLAMA_CPP
from callspan.clients.mistral import MISTRAL
from callspan.clients.ollama import OLLAMA
from callspan.clients.openai import OPENAI
from callspan.clients.perplexity import PERPLEXITY
from callspan.clients.replicate import REPLICATE
from callspan.clients.sambanova import SAMBANOVA
from callspan.clients.sentence_transformers import SENTENCE_TRANSFORMERS
from callspan.clients.together import TOGETHER
from callspan.clients.transformers import TRANSFORMERS
from callspan.clients.voyageai import VOYAGEAI
from callspan.clients.watsonx import WATSONX
from callspan.clients.writer import WRITER
from callspan.clients.xai import XAI

CLIENTS = (
    OPENAI,
    ANTHROPIC,
    GOOGLE_GENAI,
    GROQ,
    TOGETHER,
    CEREBRAS,
    FIREWORKS,
    SAMBANOVA,
    PERPLEXITY,
    WRITER,
    AI21,
    AZURE_AI_INFERENCE,
    XAI,
    LETTA,
    MISTRAL,
    COHERE,
    VOYAGEAI,
    OLLAMA,
    HUGGINGFACE_HUB,
    REPLICATE,
    WATSONX,
    DEEPGRAM,
    BOTO3,
    AIOBOTOCORE,
    TRANSFORMERS,
    LLAMA_CPP,
    SENTENCE_TRANSFORMERS,
    FASTEMBED,
)

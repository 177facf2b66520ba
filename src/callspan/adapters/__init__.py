"""The clients that callspan knows, one module each."""

from callspan.adapters.aiobotocore import AIOBOTOCORE
from callspan.adapters.anthropic import ANTHROPIC
from callspan.adapters.boto3 import BOTO3
from callspan.adapters.cerebras import CEREBRAS
from callspan.adapters.cohere import COHERE
from callspan.adapters.fireworks import FIREWORKS
from callspan.adapters.google_genai import GOOGLE_GENAI
from callspan.adapters.groq import GROQ
from callspan.adapters.huggingface_hub import HUGGINGFACE_HUB
from callspan.adapters.mistral import MISTRAL
from callspan.adapters.ollama import OLLAMA
from callspan.adapters.openai import OPENAI
from callspan.adapters.together import TOGETHER

ADAPTERS = (
    OPENAI,
    ANTHROPIC,
    GOOGLE_GENAI,
    GROQ,
    TOGETHER,
    CEREBRAS,
    FIREWORKS,
    MISTRAL,
    COHERE,
    OLLAMA,
    HUGGINGFACE_HUB,
    BOTO3,
    AIOBOTOCORE,
)

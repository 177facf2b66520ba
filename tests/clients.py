"""Real clients, made to speak to the model server or to a transport of the test's own."""

from __future__ import annotations

import inspect
import ssl
from typing import Any

import openai
from openai import _base_client

http: Any = vars(_base_client).get("httpx2") or vars(_base_client)["httpx"]
"""The HTTP library that this version of the client is built on."""
HttpClient: Any = getattr(openai, "DefaultHttpxClient", http.Client)
AsyncHttpClient: Any = getattr(openai, "DefaultAsyncHttpxClient", http.AsyncClient)

CLOSABLE = hasattr(openai.Stream, "close")
"""Whether streams can be closed and stand in a `with`; those of the oldest clients cannot."""

# reading the certificates takes longer than most tests
_CERTIFICATES = ssl.create_default_context()
_COMMON: dict[str, Any] = {"api_key": "sk-test-secret", "max_retries": 0, "timeout": 20}


def openai_client(url: str, **options: Any) -> openai.OpenAI:
    """OpenAI's client; it does not retry unless told to."""
    http = HttpClient(verify=_CERTIFICATES)
    return openai.OpenAI(**{**_COMMON, "base_url": url, "http_client": http, **options})


def async_openai_client(url: str, **options: Any) -> openai.AsyncOpenAI:
    """OpenAI's asynchronous client; it does not retry unless told to."""
    http = AsyncHttpClient(verify=_CERTIFICATES)
    return openai.AsyncOpenAI(**{**_COMMON, "base_url": url, "http_client": http, **options})


def has(path: str) -> bool:
    """Whether this version of the client has something, such as `chat.completions.parse`.

    Also a parameter: `chat.completions.create:stream_options`.
    """
    path, _, parameter = path.partition(":")
    with openai_client("http://model.test/v1") as client:
        found: Any = client
        for name in path.split("."):
            found = getattr(found, name, None)
    return found is not None and (not parameter or parameter in inspect.signature(found).parameters)

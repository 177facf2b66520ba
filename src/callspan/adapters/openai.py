"""OpenAI's client, which also speaks to Azure and to every server that is compatible with it."""

from __future__ import annotations

import re
from typing import Any

from callspan.dialects.openai_chat import CHAT
from callspan.doors.adapter import Adapter, Route
from callspan.doors.stainless import stainless
from callspan.providers import provider


def _provider(client: Any, host: str, port: int | None) -> str:
    return provider(host, port, "azure.ai.openai" if "Azure" in type(client).__name__ else "openai")


def _post(end: str, dialect: Any) -> Route:
    return Route("POST", re.compile(f"{end}$"), dialect)


OPENAI = Adapter(
    name="openai",
    package="openai",
    module="openai",
    versions=("1.0", "4"),
    provider=_provider,
    door=stainless,
    routes=(_post("/chat/completions", CHAT),),
)

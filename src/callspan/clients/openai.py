"""OpenAI's client, which also speaks to Azure and to every server that is compatible with it."""

from __future__ import annotations

import re
from typing import Any

from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.completions import COMPLETIONS
from callspan.formats.openai.embeddings import EMBEDDINGS
from callspan.formats.openai.media import IMAGES, MODERATION, SPEECH, TRANSCRIPTION
from callspan.formats.openai.responses import COMPACTION, FETCH, RESPONSES
from callspan.hooks.client import Adapter, Route, post
from callspan.hooks.stainless import stainless
from callspan.semconv.providers import behind, provider


def _provider(client: Any, host: str, port: int | None) -> str:
    found = provider(
        host, port, "azure.ai.openai" if "Azure" in type(client).__name__ else "openai"
    )
    return behind(found, client) if found == "portkey" else found


OPENAI = Adapter(
    name="openai",
    package="openai",
    module="openai",
    versions=("1.40", "4"),
    provider=_provider,
    door=stainless,
    routes=(
        post("/chat/completions", CHAT),
        post("/responses", RESPONSES),
        Route("GET", re.compile(r"/responses/[^/]+$"), FETCH),
        post("/responses/[^/]+/cancel", FETCH),
        post("/responses/compact", COMPACTION),
        post("/completions", COMPLETIONS),
        post("/embeddings", EMBEDDINGS),
        post("/images/(generations|edits|variations)", IMAGES),
        post("/audio/speech", SPEECH),
        post("/audio/(transcriptions|translations)", TRANSCRIPTION),
        post("/moderations", MODERATION),
    ),
)

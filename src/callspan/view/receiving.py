"""OTLP over HTTP: spans and log events from any program, in protobuf or JSON, with gzip or without."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from callspan.view.otlp import LogRecord, decode, read_logs, read_spans
from callspan.view.spans import SpanRecord
from callspan.view.store import Store

_LIMIT = 64 << 20
"""How many bytes a request may have, packed and unpacked."""
# 16 tells zlib that the data have gzip's head and end
_GZIP = 16 + zlib.MAX_WBITS
_JSON = "application/json"
_PROTOBUF = "application/x-protobuf"


class TooLarge(ValueError):
    """A request has more bytes than are taken."""


async def receive(request: Request) -> Response:
    """Keep what a program sends; metrics are taken and let go, for the page shows spans."""
    signal = request.path_params["signal"]
    try:
        body = await _body(request)
        if signal != "metrics":
            # SQLite and large JSON would hold up every other page on the event loop
            await run_in_threadpool(_keep, request, signal, body)
    except TooLarge as error:
        return JSONResponse({"message": str(error)}, 413)
    except (ValueError, zlib.error) as error:
        return JSONResponse({"message": f"not understood: {error}"}, 400)
    if _is_json(request):
        return JSONResponse({})
    # an empty message of protobuf has no bytes
    return Response(b"", media_type=_PROTOBUF)


def _keep(request: Request, signal: str, body: bytes) -> None:
    if request.headers.get("content-encoding") == "gzip":
        body = _unpacked(body)
    document = json.loads(body) if _is_json(request) else decode(body, signal)
    if not isinstance(document, Mapping):
        raise ValueError("an object is expected")
    keep_documents(request.app.state.store, [document])


def keep_documents(store: Store, documents: Iterable[Mapping[str, Any]]) -> int:
    """Keep the spans and the content of some export requests; return how many spans."""
    spans: list[SpanRecord] = []
    logs: list[LogRecord] = []
    for document in documents:
        spans += read_spans(document)
        logs += read_logs(document)
    return store.add(spans, logs)


async def _body(request: Request) -> bytes:
    chunks = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        # counted as it comes: the header with the length may be wrong or missing
        if size > _LIMIT:
            raise TooLarge(f"more than {_LIMIT >> 20} MB")
        chunks.append(chunk)
    return b"".join(chunks)


def _unpacked(body: bytes) -> bytes:
    unpacking = zlib.decompressobj(_GZIP)
    # stops at the limit, so that a few packed bytes cannot fill the memory
    data = unpacking.decompress(body, _LIMIT)
    if unpacking.unconsumed_tail:
        raise TooLarge(f"more than {_LIMIT >> 20} MB unpacked")
    return data


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip() == _JSON

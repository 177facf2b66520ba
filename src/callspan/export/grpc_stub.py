"""The stub by which a gRPC exporter sends: it tells an exporter when to send again, and when never.

Collectors name a pause in the details of the status, as gRPC has it; exporters up to version 1.45 look
for a trailer of its own, `google.rpc.retryinfo-bin`, which no server sends. They also send again what
was too large, for gRPC has the same status for it as for a server that is busy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

_DETAILS = "grpc-status-details-bin"
_READ_BY_EXPORTERS = "google.rpc.retryinfo-bin"
# words of gRPC's own, in C++ and in Go, of a sender and of a receiver
_TOO_LARGE = "larger than max"


def watch_pauses(exporter: Any, on_pause: Callable[[float], None]) -> None:
    """Call `on_pause` with the seconds of each `RetryInfo` that an exporter gets.

    The exporter makes its stub anew when it connects anew, by its attribute `_stub`. Where a version
    of it has none, nothing is watched.
    """
    # private attributes of `OTLPExporterMixin` (exporter 1.45): see tests/export/test_throttle.py
    make_stub = getattr(exporter, "_stub", None)
    if make_stub is None or not hasattr(exporter, "_client"):
        return
    exporter._stub = lambda channel: _Stub(make_stub(channel), on_pause)
    # the client of now was made before, by the old `_stub`
    exporter._client = _Stub(exporter._client, on_pause)


class _Stub:
    """Sends, and reads the errors."""

    def __init__(self, stub: Any, on_pause: Callable[[float], None]) -> None:
        self._stub = stub
        self._on_pause = on_pause

    # the name is that of the gRPC service's method, by which the exporter calls it
    def Export(self, **options: Any) -> Any:
        try:
            return self._stub.Export(**options)
        except grpc.RpcError as error:
            if _is_too_large(error):
                raise _Refusal(error) from error
            retry = _retry_info(error)
            if retry is None:
                raise
            self._on_pause(retry.retry_delay.ToTimedelta().total_seconds())
            # the exporter waits for the pause too, as it finds it where it looks
            raise _Postponed(error, retry) from error


class _Postponed(grpc.RpcError):
    """An error with the pause where exporters look for it."""

    def __init__(self, error: Any, retry: RetryInfo) -> None:
        super().__init__(str(error))
        # the bound methods: the exporter asks for them as of any `RpcError`
        self.code = error.code
        self.details = error.details
        self._trailers = (
            *error.trailing_metadata(),
            (_READ_BY_EXPORTERS, retry.SerializeToString()),
        )

    def trailing_metadata(self) -> tuple[Any, ...]:
        return self._trailers


class _Refusal(grpc.RpcError):
    """An error with a status after which exporters do not send again."""

    def __init__(self, error: Any) -> None:
        super().__init__(str(error))
        self.details = error.details
        self.trailing_metadata = error.trailing_metadata

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.INVALID_ARGUMENT


def _is_too_large(error: Any) -> bool:
    """Whether a message was larger than a side takes: it would be so at each other try."""
    is_exhausted = error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    return is_exhausted and _TOO_LARGE in (error.details() or "")


def _retry_info(error: Any) -> RetryInfo | None:
    """Return what the details of an error say of a pause, or `None`."""
    trailers = dict(error.trailing_metadata() or ())
    retry = RetryInfo()
    try:
        # `Any` messages: `Unpack` is false for one of another type
        for detail in Status.FromString(trailers.get(_DETAILS, b"")).details:
            if detail.Unpack(retry):
                return retry
    except DecodeError:
        return None
    return None

"""Deepgram's client, where it transcribes a recording."""

from callspan.events import Failure
from callspan.formats.deepgram.transcription import TRANSCRIPTION
from callspan.hooks import fern
from callspan.hooks.client import Client, Subscriber
from callspan.hooks.client_types import ClientObject
from callspan.hooks.failure import explain
from callspan.hooks.methods import methods_hook
from callspan.runtime.patching import Patch
from callspan.semconv.providers import by_address

_METHODS = {"transcribe_url": "transcribe", "transcribe_file": "transcribe"}
"""The endpoint of each method."""


def _base_url(wrapper: ClientObject) -> str:
    return wrapper.get_environment().base


def _explain(error: BaseException) -> Failure:
    return explain(error, "err_code")


_calls_hook = methods_hook(
    *fern.raw_methods(
        ("deepgram.listen.v1.media.raw_client", "RawMediaClient"), _METHODS, _base_url
    ),
    explain=_explain,
)


def _hook(client: Client, subscriber: Subscriber) -> list[Patch]:
    return [*_calls_hook(client, subscriber), *fern.retry_patches("deepgram")]


DEEPGRAM = Client(
    name="deepgram",
    package="deepgram-sdk",
    module="deepgram",
    versions=("7.0", "8"),
    provider=by_address("deepgram"),
    hook=_hook,
    endpoints={"transcribe": TRANSCRIPTION},
    # the raw clients in which the hook stands have nothing else of the app's client object
    inner="_client_wrapper",
)

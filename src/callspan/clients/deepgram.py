"""Deepgram's client, where it transcribes a recording, and where it speaks a text."""

from callspan.events import Failure
from callspan.formats.deepgram.transcription import TRANSCRIPTION
from callspan.formats.speech import SPEECH
from callspan.hooks import fern
from callspan.hooks.client import Client
from callspan.hooks.client_types import ClientObject
from callspan.hooks.failure import explain
from callspan.semconv.providers import by_address

_METHODS = {"transcribe_url": "transcribe", "transcribe_file": "transcribe"}
"""The endpoint of each method."""


def _base_url(wrapper: ClientObject) -> str:
    return wrapper.get_environment().base


def _explain(error: BaseException) -> Failure:
    return explain(error, "err_code")


DEEPGRAM = Client(
    name="deepgram",
    package="deepgram-sdk",
    module="deepgram",
    versions=("7.0", "8"),
    provider=by_address("deepgram"),
    hook=fern.hook(
        "deepgram",
        fern.raw_methods(
            ("deepgram.listen.v1.media.raw_client", "RawMediaClient"), _METHODS, _base_url
        ),
        fern.raw_methods(
            ("deepgram.speak.v1.audio.raw_client", "RawAudioClient"),
            {"generate": "speech"},
            _base_url,
            managers=("generate",),
        ),
        explain=_explain,
    ),
    endpoints={"transcribe": TRANSCRIPTION, "speech": SPEECH},
    # the raw clients in which the hook stands have nothing else of the app's client object
    inner="_client_wrapper",
)

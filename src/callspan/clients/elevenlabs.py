"""ElevenLabs' client, where it speaks a text or a dialogue, and where it transcribes a recording."""

from callspan.events import Failure
from callspan.formats.elevenlabs.transcription import TRANSCRIPTION
from callspan.formats.fields import get
from callspan.formats.speech import SPEECH
from callspan.hooks import fern
from callspan.hooks.client import Client
from callspan.hooks.client_types import ClientObject
from callspan.hooks.failure import explain
from callspan.semconv.providers import by_address

_SPEECH = {
    "convert": "speech",
    "convert_with_timestamps": "speech",
    "stream": "speech",
    "stream_with_timestamps": "speech",
}
"""The endpoint of each method."""


def _base_url(wrapper: ClientObject) -> str:
    return wrapper.get_base_url()


def _explain(error: BaseException) -> Failure:
    detail = get(getattr(error, "body", None), "detail")
    return explain(error, "status", answer=detail)


def _raw_client(module: str, kind: str) -> tuple[str, str]:
    return f"elevenlabs.{module}.raw_client", kind


ELEVENLABS = Client(
    name="elevenlabs",
    package="elevenlabs",
    module="elevenlabs",
    versions=("2.78", "3"),
    provider=by_address("elevenlabs"),
    hook=fern.hook(
        "elevenlabs",
        fern.raw_methods(
            _raw_client("text_to_speech", "RawTextToSpeechClient"),
            _SPEECH,
            _base_url,
            managers=("convert",),
        ),
        fern.raw_methods(
            _raw_client("text_to_dialogue", "RawTextToDialogueClient"),
            _SPEECH,
            _base_url,
            managers=("convert",),
        ),
        fern.raw_methods(
            _raw_client("speech_to_text", "RawSpeechToTextClient"),
            {"convert": "transcribe"},
            _base_url,
        ),
        explain=_explain,
    ),
    endpoints={"speech": SPEECH, "transcribe": TRANSCRIPTION},
    # the raw clients in which the hook stands have nothing else of the app's client object
    inner="_client_wrapper",
)

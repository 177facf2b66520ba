"""Models that llama-cpp-python runs in the program: a tiny one with random weights, made here."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import callspan
from telemetry import Telemetry

REASON = (
    "llama-cpp-python has to be built, and gguf makes its model: both are not in the extra [test]"
)
llama_cpp = pytest.importorskip("llama_cpp", reason=REASON)
gguf = pytest.importorskip("gguf", reason=REASON)
numpy = pytest.importorskip("numpy", reason=REASON)

WIDTH, HIDDEN, HEADS = 32, 64, 2
NAME = "tulip-tiny.gguf"
CHAT = [{"role": "user", "content": "Which flowers?"}]


def write(path: Path) -> None:
    """Write a model of one block, whose tokens are bytes."""
    kinds = gguf.TokenType
    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581"]
    types = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *([kinds.BYTE] * 256), kinds.NORMAL]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(256)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(words)
    writer.add_token_scores([0.0] * len(words))
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    random = numpy.random.default_rng(1)
    shapes: dict[str, Any] = {
        **dict.fromkeys(("token_embd", "output"), (len(words), WIDTH)),
        **{f"blk.0.attn_{name}": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")},
        **dict.fromkeys(("blk.0.ffn_gate", "blk.0.ffn_up"), (HIDDEN, WIDTH)),
        "blk.0.ffn_down": (WIDTH, HIDDEN),
        **dict.fromkeys(("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"), (WIDTH,)),
    }
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", random.standard_normal(shape).astype(numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def load(path: Path, **options: Any) -> Any:
    """Load the model for one thread."""
    common = {"n_ctx": 256, "verbose": False, "n_threads": 1, "seed": 1}
    return llama_cpp.Llama(str(path), **{**common, **options})


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the model, in a folder with a private name."""
    path = tmp_path_factory.mktemp("ada-lovelace") / NAME
    write(path)
    return path


@pytest.fixture(scope="module")
def shared_model(path: Path) -> Iterator[Any]:
    """Load a model that writes."""
    model = load(path)
    yield model
    model.close()


@pytest.fixture
def model(shared_model: Any) -> Any:
    """Return that model without what it keeps of earlier prompts."""
    shared_model.reset()
    return shared_model


def test_chat(telemetry: Telemetry, model: Any) -> None:
    """A chat is one INTERNAL span with the counts of its answer; the path of the model stays out."""
    answer = model.create_chat_completion(CHAT, max_tokens=4, temperature=0.5)
    span, attributes = telemetry.span, telemetry.attributes
    assert (span.name, span.kind.name) == (f"chat {NAME}", "INTERNAL")
    assert attributes["gen_ai.provider.name"] == "llama_cpp"
    assert attributes["gen_ai.request.max_tokens"] == 4
    assert attributes["gen_ai.request.temperature"] == 0.5
    assert attributes["gen_ai.response.model"] == NAME
    assert attributes["gen_ai.response.id"] == answer["id"]
    assert attributes["gen_ai.usage.input_tokens"] == answer["usage"]["prompt_tokens"]
    assert attributes["gen_ai.usage.output_tokens"] == answer["usage"]["completion_tokens"]
    assert answer["model"].endswith(f"/{NAME}")
    assert "ada-lovelace" not in telemetry.everything()
    assert telemetry.tokens["input"] == answer["usage"]["prompt_tokens"]
    assert telemetry.points("gen_ai.client.operation.duration")


@pytest.mark.parametrize("direct", [False, True], ids=["create_completion", "call"])
@pytest.mark.instrument(capture="span")
def test_completion(telemetry: Telemetry, model: Any, direct: bool) -> None:
    """A completion, under both of its names, is one call."""
    function = model if direct else model.create_completion
    answer = function("Which flowers?", max_tokens=4)
    assert telemetry.span.name == f"text_completion {NAME}"
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == answer["usage"]["prompt_tokens"]
    (question,) = json.loads(telemetry.attributes["gen_ai.input.messages"])
    assert question["parts"][0]["content"] == "Which flowers?"


@pytest.mark.parametrize("function", ["create_chat_completion", "create_completion", "__call__"])
def test_stream(telemetry: Telemetry, model: Any, function: str) -> None:
    """A stream states no tokens, so they are counted: as many as the same answer states at once."""
    source = CHAT if function == "create_chat_completion" else "Which flowers?"
    call = getattr(type(model), function)
    options: dict[str, Any] = {"max_tokens": 6, "temperature": 0.0}
    usage = call(model, source, **options)["usage"]
    model.reset()
    chunks = call(model, source, **options, stream=True)
    assert len(telemetry.spans) == 1
    for _ in chunks:
        pass
    _, span = telemetry.spans
    attributes = span.attributes or {}
    assert attributes["gen_ai.usage.input_tokens"] == usage["prompt_tokens"]
    assert attributes["gen_ai.usage.output_tokens"] == usage["completion_tokens"]
    assert attributes["gen_ai.request.stream"] is True
    assert attributes["callspan.outcome"] == "completed"
    assert "gen_ai.response.time_to_first_chunk" in attributes


def test_stream_that_is_left(telemetry: Telemetry, model: Any) -> None:
    """A stream that is left has the tokens until then."""
    chunks = model.create_completion("Which flowers?", max_tokens=50, stream=True)
    next(chunks)
    chunks.close()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"
    assert 1 <= telemetry.attributes["gen_ai.usage.output_tokens"] < 50


@pytest.mark.breaks("span.kind", "the conventions know embeddings by a server alone")
def test_embedding(telemetry: Telemetry, path: Path) -> None:
    """Vectors for several texts are one call, with the tokens of all and the length of a vector."""
    model = load(path, embedding=True)
    result = model.create_embedding(["which", "flowers"])
    assert telemetry.span.name == f"embeddings {NAME}"
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == result["usage"]["prompt_tokens"]
    assert "ada-lovelace" not in telemetry.everything()
    model.close()


def test_model_is_freed(telemetry: Telemetry, path: Path) -> None:
    """A model that has streamed is not kept, even where a budget has to do with the stream."""
    model = load(path)
    with callspan.budget(calls=5):
        list(model.create_completion("Which flowers?", max_tokens=2, stream=True))
    freed = weakref.ref(model)
    del model
    gc.collect()
    assert freed() is None


def test_error(telemetry: Telemetry, model: Any) -> None:
    """A prompt that is too long is an error, as the package raises it."""
    with pytest.raises(ValueError, match="exceed context window"):
        model.create_completion("a" * 400, max_tokens=4)
    assert telemetry.attributes["error.type"] == "ValueError"

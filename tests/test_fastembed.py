"""Models that fastembed runs in the program: a tiny one with random weights, made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from telemetry import Telemetry

REASON = "fastembed with onnxruntime, and onnx for its model, are too big for the extra [test]"
fastembed = pytest.importorskip("fastembed", reason=REASON)
onnx = pytest.importorskip("onnx", reason=REASON)
tokenizers = pytest.importorskip("tokenizers", reason=REASON)
numpy = pytest.importorskip("numpy", reason=REASON)

WORDS = ("[PAD]", "[UNK]", "which", "flowers", "bloom", "in", "spring")
TEXTS = ["which flowers bloom", "spring"]
NAME = "garden/tulip-vectors"

pytestmark = pytest.mark.breaks("span.kind", "the conventions know embeddings by a server alone")


def write(folder: Path) -> None:
    """Write a model that looks up a vector for each token, and its tokenizer."""
    weights = numpy.random.default_rng(1).standard_normal((len(WORDS), 8)).astype(numpy.float32)
    make = onnx.helper
    shape = ["batch", "sequence"]
    graph = make.make_graph(
        [make.make_node("Gather", ["weights", "input_ids"], ["last_hidden_state"])],
        "tulip",
        [make.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, shape)],
        [make.make_tensor_value_info("last_hidden_state", onnx.TensorProto.FLOAT, [*shape, 8])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    words = {word: number for number, word in enumerate(WORDS)}
    fast = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    fast.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    fast.save(str(folder / "tokenizer.json"))
    settings: dict[str, dict[str, Any]] = {
        "config.json": {"pad_token_id": 0},
        "tokenizer_config.json": {"model_max_length": 16, "pad_token": "[PAD]"},
        "special_tokens_map.json": {"pad_token": "[PAD]", "unk_token": "[UNK]"},
    }
    for name, content in settings.items():
        (folder / name).write_text(json.dumps(content))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Load the model, which fastembed has to be told of."""
    folder = tmp_path_factory.mktemp("ada-lovelace")
    write(folder)
    description = fastembed.common.model_description
    fastembed.TextEmbedding.add_custom_model(
        model=NAME,
        pooling=description.PoolingType.MEAN,
        normalization=True,
        sources=description.ModelSource(hf=NAME),
        dim=8,
        model_file="model.onnx",
    )
    return fastembed.TextEmbedding(NAME, specific_model_path=str(folder), threads=1, cuda=False)


def test_embed(telemetry: Telemetry, model: Any) -> None:
    """Several texts are one call, which begins when the first vector is read."""
    vectors = model.embed(TEXTS)
    assert not telemetry.spans
    assert [vector.shape for vector in vectors] == [(8,), (8,)]
    span, attributes = telemetry.span, telemetry.attributes
    assert (span.name, span.kind.name) == (f"embeddings {NAME}", "INTERNAL")
    assert attributes["gen_ai.provider.name"] == "fastembed"
    assert attributes["gen_ai.usage.input_tokens"] == 4
    assert attributes["gen_ai.embeddings.dimension.count"] == 8
    assert "gen_ai.request.stream" not in attributes
    assert attributes["callspan.outcome"] == "completed"
    assert telemetry.tokens == {"input": 4}
    assert "flowers" not in telemetry.everything()


def test_batches(telemetry: Telemetry, model: Any) -> None:
    """All batches of a call count together, though the later ones are made while the app reads."""
    assert len(list(model.embed([*TEXTS, "in spring"], batch_size=1))) == 3
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == 6


def test_two_at_once(telemetry: Telemetry, model: Any) -> None:
    """Two generators that are read in turns have each its own tokens."""
    one, two = model.embed(TEXTS, batch_size=1), model.embed(["in", "in"], batch_size=1)
    for _ in zip(one, two, strict=False):
        pass
    list(two)
    list(one)
    counts = [(span.attributes or {})["gen_ai.usage.input_tokens"] for span in telemetry.spans]
    # whichever ends first
    assert counts in ([2, 4], [4, 2])


@pytest.mark.parametrize("function", ["query_embed", "passage_embed"])
def test_queries_and_passages(telemetry: Telemetry, model: Any, function: str) -> None:
    """The functions for queries and passages are one call each."""
    assert len(list(getattr(model, function)(TEXTS))) == 2
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == 4


def test_reader_that_leaves(telemetry: Telemetry, model: Any) -> None:
    """A reader that leaves has used the tokens of the batches until then."""
    vectors = model.embed(TEXTS, batch_size=1)
    next(vectors)
    vectors.close()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == 3


def test_error(telemetry: Telemetry, model: Any) -> None:
    """An error of the package is the call's."""
    with pytest.raises(TypeError):
        list(model.embed([1]))
    assert telemetry.attributes["error.type"] == "TypeError"

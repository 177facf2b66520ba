"""Models that sentence-transformers runs in the program: a tiny one with random weights, made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from telemetry import Telemetry

REASON = "sentence-transformers and torch are too big for the extra [test]"
torch = pytest.importorskip("torch", reason=REASON)
sentence_transformers = pytest.importorskip("sentence_transformers", reason=REASON)
transformers = pytest.importorskip("transformers", reason=REASON)
tokenizers = pytest.importorskip("tokenizers", reason=REASON)

WORDS = ("[PAD]", "[UNK]", "which", "flowers", "bloom", "in", "spring")
TEXTS = ["which flowers bloom", "spring"]
NAME = "tulip-vectors"

pytestmark = pytest.mark.breaks("span.kind", "the conventions know embeddings by a server alone")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Load a model from a folder with a private name."""
    folder: Path = tmp_path_factory.mktemp("ada-lovelace") / NAME
    words = {word: number for number, word in enumerate(WORDS)}
    fast = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    fast.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=fast, pad_token="[PAD]", unk_token="[UNK]", model_max_length=16
    ).save_pretrained(folder)
    config = transformers.BertConfig(
        **{"vocab_size": len(WORDS), "hidden_size": 8, "num_hidden_layers": 1},
        **{"num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 16},
    )
    transformers.BertModel(config).save_pretrained(folder)
    return sentence_transformers.SentenceTransformer(
        str(folder), device="cpu", local_files_only=True
    )


def test_encode(telemetry: Telemetry, model: Any) -> None:
    """Several texts are one call, without their padding; no text and no folder is recorded."""
    vectors = model.encode(TEXTS)
    assert vectors.shape == (2, 8)
    span, attributes = telemetry.span, telemetry.attributes
    assert (span.name, span.kind.name) == (f"embeddings {NAME}", "INTERNAL")
    assert attributes["gen_ai.provider.name"] == "sentence_transformers"
    assert attributes["gen_ai.usage.input_tokens"] == 4
    assert attributes["gen_ai.embeddings.dimension.count"] == 8
    assert telemetry.tokens == {"input": 4}
    assert telemetry.points("gen_ai.client.operation.duration")
    everything = telemetry.everything()
    assert "flowers" not in everything
    assert "ada-lovelace" not in everything


def test_batches(telemetry: Telemetry, model: Any) -> None:
    """All batches of a call count together."""
    model.encode([*TEXTS, "in spring"], batch_size=1)
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == 6


@pytest.mark.parametrize(
    "options",
    [{}, {"convert_to_tensor": True}, {"convert_to_numpy": False}],
    ids=["numpy", "tensor", "list"],
)
@pytest.mark.parametrize("source", ["which flowers", ["which flowers"]], ids=["text", "list"])
def test_results(telemetry: Telemetry, model: Any, source: Any, options: dict[str, Any]) -> None:
    """The length of a vector is told whatever the app asks the vectors to be."""
    model.encode(source, **options)
    assert telemetry.attributes["gen_ai.embeddings.dimension.count"] == 8
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == 2


def test_vectors_of_tokens(telemetry: Telemetry, model: Any) -> None:
    """Vectors of tokens are another thing: their number is no length."""
    model.encode(TEXTS, output_value="token_embeddings")
    assert "gen_ai.embeddings.dimension.count" not in telemetry.attributes
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == 4


def test_queries_and_documents(telemetry: Telemetry, model: Any) -> None:
    """The functions for queries and documents are one call each."""
    model.encode_query("spring")
    model.encode_document(TEXTS)
    counts = [(span.attributes or {})["gen_ai.usage.input_tokens"] for span in telemetry.spans]
    assert counts == [1, 4]


def test_error(telemetry: Telemetry, model: Any) -> None:
    """An error of the package is the call's."""
    with pytest.raises(ValueError, match="batch_size"):
        model.encode(TEXTS, batch_size=-1)
    assert telemetry.attributes["error.type"] == "ValueError"


def test_tokens_alone(telemetry: Telemetry, model: Any) -> None:
    """Making tokens of texts is no call."""
    model.preprocess(TEXTS)
    assert not telemetry.spans

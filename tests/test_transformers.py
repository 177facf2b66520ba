"""Models that transformers runs in the program: tiny ones with random weights, made here and never downloaded."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import callspan
from telemetry import Telemetry

REASON = "transformers and torch are too big for the extra [test]"
torch = pytest.importorskip("torch", reason=REASON)
transformers = pytest.importorskip("transformers", reason=REASON)
tokenizers = pytest.importorskip("tokenizers", reason=REASON)

WORDS = ("[PAD]", "[END]", "[UNK]", "which", "flowers", "bloom", "in", "spring", "tulips", "user")
TEMPLATE = "{% for message in messages %}{{ message.role }} {{ message.content }} {% endfor %}"
MODEL = "garden/tiny"


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Return a tokenizer of ten words, each a token."""
    words = {word: number for number, word in enumerate(WORDS)}
    fast = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    fast.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=fast, pad_token="[PAD]", eos_token="[END]", unk_token="[UNK]"
    )
    made.chat_template = TEMPLATE
    made.padding_side = "left"
    return made


def tiny_model(**options: Any) -> Any:
    """Return a model with random weights that never ends by itself, unless options say so."""
    torch.manual_seed(1)
    config = transformers.GPT2Config(
        vocab_size=len(WORDS),
        **{"n_layer": 2, "n_embd": 8, "n_head": 2, "n_positions": 64, **options},
        **{"bos_token_id": 1, "eos_token_id": None, "pad_token_id": 0},
    )
    model = transformers.GPT2LMHeadModel(config).eval()
    model.config._name_or_path = model.name_or_path = MODEL
    return model


@pytest.fixture(scope="module")
def shared_model() -> Any:
    """Return a model that ends by its length alone."""
    return tiny_model()


@pytest.fixture
def model(shared_model: Any) -> Iterator[Any]:
    """Return that model, with its settings put back after the test."""
    settings = shared_model.generation_config
    shared_model.generation_config = transformers.GenerationConfig(
        **{"bos_token_id": 1, "pad_token_id": 0, "do_sample": False}
    )
    yield shared_model
    shared_model.generation_config = settings


@pytest.fixture
def pipeline(model: Any, tokenizer: Any) -> Any:
    """Return a pipeline of text on the model."""
    return transformers.pipeline("text-generation", model=model, tokenizer=tokenizer)


def messages(telemetry: Telemetry, name: str) -> Any:
    """Return the messages that the one span has."""
    return json.loads(telemetry.attributes[f"gen_ai.{name}.messages"])


def texts(found: Any) -> list[str]:
    """Return the text of each message."""
    return ["".join(part["content"] for part in message["parts"]) for message in found]


def test_generate(telemetry: Telemetry, model: Any, tokenizer: Any) -> None:
    """A generation is a span of the program's own, with the model, its settings and exact tokens."""
    inputs = tokenizer("which flowers bloom", return_tensors="pt")
    result = model.generate(**inputs, max_new_tokens=5, do_sample=True, top_k=7, temperature=0.5)
    assert result.shape == (1, 8)
    span = telemetry.span
    assert (span.name, span.kind.name) == (f"text_completion {MODEL}", "INTERNAL")
    attributes = telemetry.attributes
    assert attributes["gen_ai.provider.name"] == "transformers"
    assert attributes["gen_ai.request.model"] == MODEL
    assert attributes["gen_ai.request.max_tokens"] == 5
    assert attributes["gen_ai.request.top_k"] == 7
    assert attributes["gen_ai.request.temperature"] == 0.5
    assert attributes["gen_ai.usage.input_tokens"] == 3
    assert attributes["gen_ai.usage.output_tokens"] == 5
    assert attributes["gen_ai.response.finish_reasons"] == ("length",)
    assert "server.address" not in attributes
    assert "flowers" not in telemetry.everything()


def test_metrics(telemetry: Telemetry, model: Any, tokenizer: Any) -> None:
    """A model in the program has the metrics of any model."""
    model.generate(**tokenizer("which flowers", return_tensors="pt"), max_new_tokens=4)
    (duration,) = telemetry.points("gen_ai.client.operation.duration")
    assert duration["attributes"]["gen_ai.request.model"] == MODEL
    assert telemetry.tokens == {"input": 2, "output": 4}


@pytest.mark.instrument(extra_metrics=["active", "output_rate"], cost=True)
def test_extra_metrics(telemetry: Telemetry, model: Any, tokenizer: Any) -> None:
    """It has the rate of its tokens, is active while it runs, and costs nothing."""
    model.generate(**tokenizer("which", return_tensors="pt"), max_new_tokens=4)
    metrics = telemetry.metrics
    (rate,) = [
        points for name, points in metrics.items() if "output_rate" in name or "rate" in name
    ]
    assert rate[0]["count"] == 1
    assert not [name for name in metrics if "cost" in name]
    assert not [name for name in telemetry.attributes if "cost" in name]


def test_padding_is_not_counted(telemetry: Telemetry, tokenizer: Any) -> None:
    """Prompts of two lengths are one call with two answers, and neither has its padding counted."""
    model = tiny_model()
    model.generation_config.eos_token_id = list(range(2, len(WORDS)))  # whatever comes is an end
    inputs = tokenizer(["which flowers bloom", "spring"], return_tensors="pt", padding=True)
    assert inputs["input_ids"].numel() == 6
    result = model.generate(**inputs, max_new_tokens=6, do_sample=False)
    answers = [row[3:] for row in result.tolist()]
    expected = 0
    for answer in answers:
        ends = [place for place, token in enumerate(answer) if token > 1]
        expected += ends[0] + 1 if ends else len(answer)
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == 4
    assert telemetry.attributes["gen_ai.usage.output_tokens"] == expected
    assert len(telemetry.attributes["gen_ai.response.finish_reasons"]) == 2
    assert "stop" in telemetry.attributes["gen_ai.response.finish_reasons"]


def test_padding_without_a_mask(telemetry: Telemetry, model: Any) -> None:
    """Without a mask the padding is told by its token, as the package itself does."""
    model.generate(torch.tensor([[0, 3, 4], [3, 4, 5]]), max_new_tokens=2)
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == 5


def test_several_answers(telemetry: Telemetry, model: Any, tokenizer: Any) -> None:
    """A prompt with three answers counts once."""
    model.generate(
        **tokenizer("which flowers", return_tensors="pt"),
        **{"max_new_tokens": 2, "do_sample": True, "num_return_sequences": 3},
    )
    assert telemetry.attributes["gen_ai.request.choice.count"] == 3
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == 2
    assert telemetry.attributes["gen_ai.usage.output_tokens"] == 6
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ("length",) * 3


def test_result_as_an_object(telemetry: Telemetry, model: Any, tokenizer: Any) -> None:
    """The same where the app asks for an object with the sequences and their scores."""
    result = model.generate(
        **tokenizer("which", return_tensors="pt"),
        **{"max_new_tokens": 2, "return_dict_in_generate": True, "output_scores": True},
    )
    assert result.sequences.shape == (1, 3)
    assert telemetry.attributes["gen_ai.usage.output_tokens"] == 2


def test_vectors_in_place_of_tokens(telemetry: Telemetry, model: Any) -> None:
    """A prompt of vectors has as many tokens as vectors, and the answer comes without it."""
    vectors = model.get_input_embeddings()(torch.tensor([[3, 4, 5, 6]])).detach()
    model.generate(inputs_embeds=vectors, max_new_tokens=3)
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == 4
    assert telemetry.attributes["gen_ai.usage.output_tokens"] == 3


def test_encoder_and_decoder(telemetry: Telemetry) -> None:
    """The start token of a decoder is no token of the answer."""
    config = transformers.T5Config(
        **{"vocab_size": 10, "d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 1, "num_heads": 2},
        **{"decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": None},
    )
    model = transformers.T5ForConditionalGeneration(config).eval()
    model.generation_config.eos_token_id = None
    result = model.generate(torch.tensor([[3, 4, 5]]), max_new_tokens=4, do_sample=False)
    assert result.shape == (1, 5)
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == 3
    assert telemetry.attributes["gen_ai.usage.output_tokens"] == 4
    assert telemetry.span.name == "text_completion"


def test_model_that_helps(telemetry: Telemetry, model: Any, tokenizer: Any) -> None:
    """A smaller model that drafts is part of the one call."""
    helper = tiny_model(n_layer=1)
    helper.generation_config.pad_token_id = 0
    inputs = tokenizer("which flowers bloom", return_tensors="pt")
    model.generate(**inputs, assistant_model=helper, max_new_tokens=6)
    assert telemetry.attributes["gen_ai.usage.output_tokens"] == 6


def test_pipeline(telemetry: Telemetry, pipeline: Any) -> None:
    """A pipeline around `generate` is one call, with its settings; its result is as ever."""
    (result,) = pipeline("which flowers bloom", max_new_tokens=3, do_sample=False)
    assert result["generated_text"].startswith("which flowers bloom")
    assert telemetry.span.name == f"text_completion {MODEL}"
    assert telemetry.attributes["gen_ai.request.max_tokens"] == 3
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == 3
    assert telemetry.attributes["gen_ai.usage.output_tokens"] == 3


@pytest.mark.instrument(capture="both")
def test_prompts_of_generate(telemetry: Telemetry, model: Any, tokenizer: Any) -> None:
    """They are decoded after the start, and both the span and the event of the call have them."""
    inputs = tokenizer("which flowers bloom", return_tensors="pt")
    streamer = transformers.TextIteratorStreamer(tokenizer, skip_prompt=True)
    model.generate(**inputs, streamer=streamer, max_new_tokens=2)
    [event] = telemetry.logs
    assert texts(messages(telemetry, "input")) == ["which flowers bloom"]
    assert texts(event["attributes"]["gen_ai.input.messages"]) == ["which flowers bloom"]


@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.instrument(capture="span")
def test_batch_of_prompts(telemetry: Telemetry, pipeline: Any, batch_size: int) -> None:
    """A list of prompts is one call with an answer for each, whatever the size of the batches."""
    prompts = ["which flowers bloom", "spring", "tulips in spring"]
    results = pipeline(
        prompts,
        **{"batch_size": batch_size, "max_new_tokens": 2, "do_sample": False},
        return_full_text=False,
    )
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == 7
    assert telemetry.attributes["gen_ai.usage.output_tokens"] == 6
    assert texts(messages(telemetry, "input")) == prompts
    answers = [result["generated_text"] for (result,) in results]
    assert texts(messages(telemetry, "output")) == answers


@pytest.mark.instrument(capture="span")
def test_chat(telemetry: Telemetry, pipeline: Any) -> None:
    """A list of messages is a chat."""
    chat = [{"role": "user", "content": "which flowers bloom"}]
    (result,) = pipeline(chat, max_new_tokens=2, do_sample=False)
    assert telemetry.span.name == f"chat {MODEL}"
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == 4
    (question,) = messages(telemetry, "input")
    assert (question["role"], texts([question])) == ("user", ["which flowers bloom"])
    assert texts(messages(telemetry, "output")) == [result["generated_text"][-1]["content"]]


def test_prompts_that_come_later(telemetry: Telemetry, pipeline: Any) -> None:
    """Of prompts that a pipeline reads step by step, each is a call when its turn comes."""
    results = iter(pipeline((prompt for prompt in ("which", "flowers")), max_new_tokens=2))
    assert not telemetry.spans
    next(results)
    assert len(telemetry.spans) == 1
    assert len(list(results)) == 1
    assert [span.name for span in telemetry.spans] == [f"text_completion {MODEL}"] * 2


@pytest.mark.instrument(capture="span")
def test_streamer(telemetry: Telemetry, model: Any, tokenizer: Any) -> None:
    """A streamer in another thread gets what it would get; the span knows its first token."""
    streamer = transformers.TextIteratorStreamer(tokenizer, skip_prompt=True)
    inputs = tokenizer("which flowers bloom", return_tensors="pt")
    options = {**inputs, "streamer": streamer, "max_new_tokens": 5}
    with telemetry.tracer.start_as_current_span("app"):
        thread = threading.Thread(target=callspan.carry(model.generate), kwargs=options)
        thread.start()
        text = "".join(streamer)
        thread.join()
    (app,) = [span for span in telemetry.all_spans if span.name == "app"]
    assert telemetry.span.parent == app.context
    assert telemetry.attributes["gen_ai.request.stream"] is True
    assert telemetry.attributes["gen_ai.response.time_to_first_chunk"] > 0
    assert telemetry.attributes["gen_ai.usage.output_tokens"] == 5
    assert texts(messages(telemetry, "input")) == ["which flowers bloom"]
    assert texts(messages(telemetry, "output")) == [text]


def test_tokens_for_handlers(telemetry: Telemetry, pipeline: Any, tokenizer: Any) -> None:
    """A handler gets the text of a stream piece by piece, also in a pipeline."""
    pieces: list[str] = []

    class Handler:
        def on_token(self, call: Any, token: Any) -> None:
            pieces.append(token.text)

    class Silent(transformers.TextStreamer):  # type: ignore[misc]
        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            pass

    with callspan.use_handlers(Handler()):
        streamer = Silent(tokenizer)
        (result,) = pipeline(
            "which flowers", streamer=streamer, max_new_tokens=5, return_full_text=False
        )
    assert "".join(pieces) == result["generated_text"]
    assert len(pieces) > 1


def test_error(telemetry: Telemetry, model: Any, tokenizer: Any) -> None:
    """An error of the package is the call's, and reaches the app as it is."""
    with pytest.raises(ValueError, match="max_new_tokens"):
        model.generate(**tokenizer("which", return_tensors="pt"), max_new_tokens=0)
    assert telemetry.attributes["error.type"] == "ValueError"
    assert telemetry.attributes["callspan.outcome"] == "error"


def test_error_in_a_streamer(telemetry: Telemetry, model: Any, tokenizer: Any) -> None:
    """An app stops a generation by an exception in its streamer."""

    class Stop(transformers.TextStreamer):  # type: ignore[misc]
        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            raise RuntimeError("enough")

    inputs = tokenizer("which", return_tensors="pt")
    with pytest.raises(RuntimeError, match="enough"):
        model.generate(**inputs, streamer=Stop(tokenizer, skip_prompt=True), max_new_tokens=5)
    assert telemetry.attributes["error.type"] == "RuntimeError"


def test_budget_stops_a_stream(telemetry: Telemetry, model: Any, tokenizer: Any) -> None:
    """A budget in tokens stops a generation that streams."""
    streamer = transformers.TextIteratorStreamer(tokenizer)
    inputs = tokenizer("which", return_tensors="pt")
    with callspan.budget(tokens=20), pytest.raises(callspan.BudgetExceeded):
        model.generate(**inputs, streamer=streamer, max_length=60)
    assert telemetry.attributes["callspan.outcome"] == "error"


def test_folders_stay_private(telemetry: Telemetry, tokenizer: Any, tmp_path: Any) -> None:
    """Of a model that was loaded from a folder only the last name is recorded."""
    folder = tmp_path / "secret" / "my-model"
    tiny_model().save_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    model.generate(**tokenizer("which", return_tensors="pt"), max_new_tokens=1)
    assert telemetry.span.name == "text_completion my-model"
    assert "secret" not in telemetry.everything()

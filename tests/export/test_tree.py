"""The tree on the console, from spans of the real SDK."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from callspan.export import trace_buffer
from callspan.export.text.tree import TreePrinter
from callspan.export.text.width import one_line, width
from callspan.semconv import names

SECOND = 1_000_000_000


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Stage:
    """A provider with a tree, and spans with times of our choosing."""

    def __init__(self, stream: io.TextIOBase | None = None) -> None:
        self.stream: Any = stream or io.StringIO()
        self.printer = TreePrinter(self.stream)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(self.printer)
        self.tracer = provider.get_tracer("test")
        self.time = 0

    def start(self, name: str, parent: Any = None, **attributes: Any) -> Any:
        self.time += 1
        context = trace.set_span_in_context(parent) if parent is not None else None
        return self.tracer.start_span(name, context, attributes=attributes, start_time=self.time)

    def start_request(self, name: str) -> Any:
        """Start the span of a request to a server."""
        self.time += 1
        return self.tracer.start_span(name, kind=trace.SpanKind.SERVER, start_time=self.time)

    def end(self, span: Any, seconds: float = 1.0) -> None:
        span.end(span.start_time + int(seconds * SECOND))

    def call(
        self, parent: Any, model: str, seconds: float, told: dict[str, Any], failed: bool = False
    ) -> None:
        known = {names.OPERATION: "chat", names.PROVIDER: "openai", names.REQUEST_MODEL: model}
        span = self.start(f"chat {model}", parent, **{**known, **told})
        if failed:
            span.set_status(trace.Status(trace.StatusCode.ERROR))
        self.end(span, seconds)

    @property
    def text(self) -> str:
        """What was printed, without the ids of traces."""
        return without_ids(self.stream.getvalue())


def without_ids(text: str) -> str:
    return re.sub(r"   trace [0-9a-f]{8}$", "", text, flags=re.MULTILINE)


def lines(text: str) -> str:
    """A snapshot, without the first and the last line break and the indentation."""
    return "".join(f"{line[4:]}\n" for line in text.strip("\n").split("\n")[:-1])


def test_a_trace_is_printed_as_one_aligned_tree_when_its_root_ends() -> None:
    stage = Stage()
    shop = stage.start("flower_shop")
    told = {names.INPUT_TOKENS: 24, names.OUTPUT_TOKENS: 9, names.TIME_TO_FIRST_CHUNK: 0.12}
    stage.call(shop, "gpt-4.1-mini", 0.48, told)
    told = {names.INPUT_TOKENS: 31, names.TIME_TO_FIRST_CHUNK: 0.1, names.OUTCOME: "abandoned"}
    stage.call(shop, "gpt-4.1-mini", 0.22, told)
    stage.call(
        shop,
        "no-such-model",
        0.01,
        {names.ERROR_TYPE: "model_not_found", names.HTTP_STATUS: 404},
        failed=True,
    )
    assert stage.text == ""
    stage.end(shop, 2.31)
    assert stage.text == lines("""
    flower_shop  2.31 s   3 calls   55 → 9 tokens (1 unknown)
    ├─ chat gpt-4.1-mini    24 → 9 tokens   first 0.12 s   0.48 s
    ├─ chat gpt-4.1-mini    31 → ?          first 0.10 s   0.22 s   abandoned
    └─ chat no-such-model   error model_not_found (404)    0.01 s
    """)


def test_all_that_is_special_about_a_call_is_shown() -> None:
    stage = Stage()
    shop = stage.start("flower_shop")
    counts = {names.INPUT_TOKENS: 2048, names.OUTPUT_TOKENS: 300}
    subsets = {names.CACHE_READ_TOKENS: 1920, names.REASONING_TOKENS: 256}
    stage.call(shop, "o4-mini", 12.34, {**counts, **subsets, names.USAGE_SOURCE: "requested"})
    stage.call(shop, "gpt-5", 125.0, {**counts, names.USAGE_SOURCE: "tiktoken", names.ATTEMPTS: 3})
    stage.call(shop, "花", 0.5, {names.SERVER_ADDRESS: "127.0.0.1", names.SERVER_PORT: 8080})
    stage.call(
        shop,
        "gpt-5",
        0.0042,
        {names.SERVER_ADDRESS: "api.openai.com", names.OUTCOME: "cancelled"},
        failed=True,
    )
    stage.call(shop, "gpt-5", 0.3, {**counts, names.ERROR_TYPE: "APIError"}, failed=True)
    stage.end(shop, 140)
    assert stage.text == lines("""
    flower_shop  2 min 20 s   5 calls   ~6144 → ~900 tokens (2 unknown)
    ├─ chat o4-mini   2048 (1920 cached) → 300 (256 reasoning) tokens       12.3 s   usage requested
    ├─ chat gpt-5     ~2048 → ~300 tokens                               2 min 05 s   3 attempts   usage by tiktoken
    ├─ chat 花        ? → ?                                                 0.50 s   at 127.0.0.1:8080
    ├─ chat gpt-5     ? → ?                                                 4.2 ms   cancelled
    └─ chat gpt-5     2048 → 300 tokens                                     0.30 s   error APIError
    """)


def test_wide_characters_keep_the_columns_aligned() -> None:
    stage = Stage()
    shop = stage.start("花店")
    stage.call(shop, "通义千问-max", 0.5, {names.INPUT_TOKENS: 1, names.OUTPUT_TOKENS: 2})
    stage.call(shop, "gpt-4.1-mini", 0.5, {names.INPUT_TOKENS: 10, names.OUTPUT_TOKENS: 20})
    stage.end(shop)
    assert stage.text == lines("""
    花店  1.00 s   2 calls   11 → 22 tokens
    ├─ chat 通义千问-max   1 → 2 tokens     0.50 s
    └─ chat gpt-4.1-mini   10 → 20 tokens   0.50 s
    """)


def test_spans_of_the_app_nest_and_show_the_kind_of_their_errors_only() -> None:
    stage = Stage()
    shop = stage.start("GET /flowers")
    order = stage.start("order", shop)
    stage.call(order, "m", 0.5, {names.INPUT_TOKENS: 1, names.OUTPUT_TOKENS: 2})
    order.record_exception(ValueError("secret words"))
    order.set_status(trace.Status(trace.StatusCode.ERROR, "secret words"))
    stage.end(order)
    stage.end(stage.start("pay", shop))
    stage.end(shop, 3)
    assert stage.text == lines("""
    GET /flowers  3.00 s
    ├─ order  1.00 s   error ValueError
    │  └─ chat m   1 → 2 tokens   0.50 s
    └─ pay  1.00 s
    """)


def test_a_single_span_is_a_single_line() -> None:
    stage = Stage()
    stage.call(None, "m", 0.5, {names.INPUT_TOKENS: 0, names.OUTPUT_TOKENS: 0})
    assert stage.text == "chat m   0 → 0 tokens   0.50 s\n"


def test_embeddings_have_no_output_to_ask_for() -> None:
    stage = Stage()
    stage.call(None, "m", 0.5, {names.OPERATION: "embeddings", names.INPUT_TOKENS: 8})
    assert stage.text == "chat m   8 tokens   0.50 s\n"


def test_tools_and_agents_show_no_tokens() -> None:
    stage = Stage()
    stage.end(stage.start("execute_tool buy", None, **{names.OPERATION: "execute_tool"}))
    assert stage.text == "execute_tool buy  1.00 s\n"


def test_what_was_left_early_says_so_whatever_it_is() -> None:
    stage = Stage()
    stage.end(stage.start("invoke_agent florist", None, **{names.OUTCOME: "abandoned"}))
    assert stage.text == "invoke_agent florist  1.00 s   abandoned\n"


def test_a_span_that_ends_after_its_root_is_printed_as_late_with_what_hangs_on_it() -> None:
    stage = Stage()
    root = stage.start("root")
    late = stage.start("late", root)
    stage.end(stage.start("below", late))
    stage.end(root)
    assert stage.text == "root  1.00 s\n"
    stage.end(late)
    assert stage.text == "root  1.00 s\nlate  1.00 s   (late)\n└─ below  1.00 s\n"


def test_a_child_that_ends_after_its_parent_but_before_the_root_stays_in_the_tree() -> None:
    stage = Stage()
    root = stage.start("root")
    parent = stage.start("parent", root)
    child = stage.start("child", parent)
    stage.end(parent)
    stage.end(child)
    stage.end(root)
    assert stage.text == "root  1.00 s\n└─ parent  1.00 s\n   └─ child  1.00 s\n"


def test_a_remote_parent_makes_a_root_here() -> None:
    stage = Stage()
    remote = trace.SpanContext(1, 2, is_remote=True, trace_flags=trace.TraceFlags(1))
    stage.end(stage.start("handle", trace.NonRecordingSpan(remote)))
    assert stage.text == "handle  1.00 s\n"


def test_a_flush_prints_what_waits_for_an_open_span_and_later_ends_repeat_nothing() -> None:
    stage = Stage()
    root = stage.start("root")
    inner = stage.start("inner", root)
    stage.end(stage.start("done", inner))
    stage.printer.force_flush()
    assert stage.text == "root  not ended\n└─ inner  not ended\n   └─ done  1.00 s\n"
    stage.printer.force_flush()
    stage.end(inner)
    stage.end(root)
    assert stage.text.endswith("done  1.00 s\nroot  1.00 s\n└─ inner  1.00 s\n")


@pytest.mark.parametrize("shape", ["one trace", "many traces", "never ended"])
def test_memory_is_bounded_and_what_must_go_is_printed(
    shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_buffer, "MAX_TRACES", 10)
    monkeypatch.setattr(trace_buffer, "MAX_SPANS", 100)
    stage = Stage()
    root = stage.start("root")
    for number in range(300):
        parent = root if shape == "one trace" else stage.start(f"open {number}")
        if shape != "never ended":
            stage.end(stage.start(f"done {number}", parent))
    traces = stage.printer._buffer._traces
    assert len(traces) <= 10
    assert sum(trace.size for trace in traces.values()) <= 101
    stage.printer.shutdown()
    assert stage.text.count("done ") == (0 if shape == "never ended" else 300)


def test_many_finished_traces_leave_nothing_behind() -> None:
    stage = Stage()
    for _ in range(50):
        root = stage.start("root")
        stage.end(stage.start("child", root))
        stage.end(root)
    assert stage.printer._buffer._traces == {}
    assert stage.printer._buffer._span_count == 0


def test_streams_that_cannot_show_boxes_get_plain_signs() -> None:
    stage = Stage(io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    root = stage.start("花店")
    stage.call(root, "m", 0.5, {names.INPUT_TOKENS: 1, names.OUTPUT_TOKENS: 2})
    stage.end(root)
    stage.stream.seek(0)
    assert (
        without_ids(stage.stream.read())
        == "\\u82b1\\u5e97  1.00 s\n`- chat m   1 -> 2 tokens   0.50 s\n"
    )


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_colours_are_for_terminals(
    variables: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stage = Stage(Terminal())
    stage.call(None, "m", 0.5, {names.ERROR_TYPE: "x"}, failed=True)
    assert ("\x1b[31merror x" in stage.text) is coloured


def test_names_with_control_characters_stay_on_one_line() -> None:
    stage = Stage()
    stage.end(stage.start("a\nb\x1b[31m" + "c" * 100))
    assert stage.text.count("\n") == 1
    assert "\x1b" not in stage.text
    assert len(stage.text) < 80


def test_the_stream_is_stderr_looked_up_late(capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage()
    stage.printer._stream = None
    stage.end(stage.start("alone"))
    captured = capsys.readouterr()
    assert (captured.out, without_ids(captured.err)) == ("", "alone  1.00 s\n")


@pytest.mark.guard_acts("the stream is closed")
def test_a_stream_that_fails_is_not_the_apps_concern() -> None:
    stage = Stage()
    stage.stream.close()
    stage.end(stage.start("alone"))


def test_force_color_colours_what_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    stage = Stage()
    monkeypatch.setenv("FORCE_COLOR", "0")
    stage.call(None, "m", 0.5, {names.ERROR_TYPE: "x"}, failed=True)
    assert "\x1b" not in stage.text
    monkeypatch.setenv("FORCE_COLOR", "1")
    stage.call(None, "m", 0.5, {names.ERROR_TYPE: "x"}, failed=True)
    assert "\x1b[31merror x" in stage.text


def test_the_trace_can_be_found_by_its_id_in_another_view() -> None:
    stage = Stage()
    root = stage.start("root")
    stage.end(stage.start("child", root))
    stage.end(root)
    trace_id = f"{root.get_span_context().trace_id:032x}"
    first, second = stage.stream.getvalue().splitlines()
    assert first == f"root  1.00 s   trace {trace_id[:8]}"
    assert second == "└─ child  1.00 s"


def test_agents_and_workflows_have_the_sums_of_their_calls() -> None:
    """A span below them repeats no sums that stand above it already."""
    stage = Stage()
    root = stage.start("workflow", **{names.OPERATION: "invoke_workflow"})
    agent = stage.start("agent", root, **{names.OPERATION: "invoke_agent"})
    step = stage.start("step", agent)
    counts = {names.INPUT_TOKENS: 10, names.OUTPUT_TOKENS: 5, names.COST: 0.001}
    stage.call(step, "a", 1, counts)
    stage.call(step, "b", 1, {**counts, names.USAGE_SOURCE: "heuristic"})
    for span in (step, agent, root):
        stage.end(span)
    first, second, third = stage.text.splitlines()[:3]
    assert first == "workflow  1.00 s   2 calls   ~20 → ~10 tokens   $0.002"
    assert second == "└─ agent  1.00 s   2 calls   ~20 → ~10 tokens   $0.002"
    assert third == "   └─ step  1.00 s"


def test_a_server_is_named_only_where_there_are_several() -> None:
    stage = Stage()
    here = {names.SERVER_ADDRESS: "127.0.0.1", names.SERVER_PORT: 8080}
    stage.call(None, "m", 1, here)
    assert "127.0.0.1" not in stage.text
    stage.call(None, "m", 1, {names.SERVER_ADDRESS: "127.0.0.1", names.SERVER_PORT: 8081})
    assert stage.text.endswith("at 127.0.0.1:8081\n")


@pytest.mark.parametrize("columns", [45, 80, 200])
def test_lines_fit_into_the_terminal_and_no_number_is_broken(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    stage = Stage(Terminal())
    shop = stage.start("花店 " * 30)
    counts = {names.INPUT_TOKENS: 1234567, names.OUTPUT_TOKENS: 7654321, names.COST: 12.5}
    subsets = {names.CACHE_READ_TOKENS: 111111, names.REASONING_TOKENS: 222222}
    rest = {names.TIME_TO_FIRST_CHUNK: 12.3, names.ATTEMPTS: 3}
    stage.call(shop, "通义千问-max", 0.5, {**counts, **subsets, **rest})
    stage.call(shop, "gpt-4.1-mini", 125.0, counts)
    stage.end(shop)
    text = stage.stream.getvalue()
    assert max(map(width, text.splitlines())) <= columns
    for number in ("1234567", "7654321", "111111", "222222", "2469134", "12.3 s", "$12.50"):
        assert number in text
    is_one_line_each = len(text.splitlines()) == 3
    assert is_one_line_each is (columns == 200)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("花店", 4),
        ("👨‍👩‍👧‍👦", 2),
        ("👍🏽", 2),
        ("❤️", 2),
        ("❤", 1),
        ("🇩🇪", 2),
        ("e\u0301", 1),
        ("👩‍💻 works", 8),
    ],
)
def test_the_width_of_pictures_and_of_chinese(text: str, columns: int) -> None:
    assert width(text) == columns
    assert one_line(text) == text


def test_a_family_is_not_cut_in_two() -> None:
    assert one_line("👨‍👩‍👧‍👦" * 3, 5) == "👨‍👩‍👧‍👦" * 2 + "…"


@pytest.mark.parametrize(
    ("provider", "host", "is_said"),
    [
        ("gcp.vertex_ai", "europe-west4-aiplatform.googleapis.com", False),
        ("gcp.gemini", "generativelanguage.googleapis.com", False),
        ("gcp.gen_ai", "generativelanguage.googleapis.com", False),
        ("alibaba_cloud", "dashscope.aliyuncs.com", False),
        ("zhipu_ai", "open.bigmodel.cn", False),
        ("volcengine", "ark.cn-beijing.volces.com", False),
        ("x_ai", "api.x.ai", False),
        ("x_ai", "proxy.example", True),
        ("aws.bedrock", "bedrock-runtime.eu-west-1.amazonaws.com", False),
        ("azure.ai.openai", "shop.azure-api.net", False),
        ("anthropic", "gateway.example", True),
        ("mistral_ai", "api.anthropic.com", True),
    ],
)
def test_a_server_is_named_where_it_is_not_its_providers_own(
    provider: str, host: str, is_said: bool
) -> None:
    stage = Stage()
    root = stage.start("root")
    stage.call(root, "m", 1, {names.PROVIDER: provider, names.SERVER_ADDRESS: host})
    # of another server, as the one of all calls would not stand in each line
    stage.call(root, "m", 1, {names.SERVER_ADDRESS: "127.0.0.1"})
    stage.end(root)
    assert (f"at {host}" in stage.text) is is_said


def test_a_request_is_printed_only_where_a_model_was_asked() -> None:
    """Servers get many requests, such as health checks, that nobody wants to read between the calls."""
    stage = Stage()
    health = stage.start_request("GET /health")
    stage.end(stage.start("endpoint", health))
    stage.end(health)
    ask = stage.start_request("GET /ask")
    stage.call(ask, "gpt-4.1-mini", 0.5, {})
    stage.end(ask)
    assert stage.text == lines(
        """
    GET /ask  1.00 s
    └─ chat gpt-4.1-mini   ? → ?   0.50 s
    """
    )

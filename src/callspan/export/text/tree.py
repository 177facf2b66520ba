"""The console tree: every trace that ends in this process, printed on stderr as one compact tree."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from opentelemetry.sdk.trace import SpanProcessor

from callspan.export import notebook
from callspan.export.losses import ItemCount
from callspan.export.span_estimates import ESTIMATES
from callspan.export.span_summary import SpanSummary
from callspan.export.text.drawing import draw
from callspan.export.text.live import LiveTrees
from callspan.export.trace_buffer import TraceBuffer
from callspan.runtime.output_line import OUTPUT

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span


QUOTES_HINT = (
    "callspan: what was said is not shown, as it was not captured on spans;"
    ' --capture span, or instrument(capture="span"), does that\n'
)


class TreePrinter(SpanProcessor):
    """A span processor that prints a trace when its root in this process has ended.

    A span that ends after its root is printed by itself as `(late)`. Spans that wait for an open
    one are printed at a flush, below the spans that they wait for. A tree waits for the end of the
    line that the program is printing. In a notebook it is HTML. A request to a server in which no
    model was asked, such as a health check, is not printed.

    Args:
        stream: Where to print; `None` for stderr.
        count: Counts the spans that cannot be printed.
        has_quotes: Whether to print messages too, where they are captured.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        count: ItemCount | None = None,
        has_quotes: bool = False,
    ) -> None:
        self._stream = stream
        self._count = count or ItemCount()
        self._buffer = TraceBuffer(has_quotes)
        # only in place of our own stream, as below
        self._live = LiveTrees.of(self._buffer) if stream is None else None
        self._hint = _QuotesHint(is_wanted=has_quotes)
        # two are enough to know that there are several, so no more are kept
        self._servers: set[tuple[str, float | None]] = set()
        # from now on it is known where the program's line stands (docs/decisions/0094)
        OUTPUT.watch(self._stream or sys.stderr)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Remember that a span is open."""
        if _is_sampled(span):
            OUTPUT.renew()
            for tree in self._buffer.add_open(span):
                self._print(tree)
            if self._live is not None:
                self._live.wake()

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span that has ended; if it is a root here, print its tree."""
        if _is_sampled(span):
            self._print(self._buffer.end(span))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Print the spans that wait for an open one."""
        for tree in self._buffer.take_waiting():
            self._print(tree)
        return True

    def shutdown(self) -> None:
        """Print the spans that wait for an open one, and what waits for the end of a line."""
        if self._live is not None:
            self._live.close()
        self.force_flush()
        OUTPUT.finish()

    def _print(self, tree: list[SpanSummary]) -> None:
        if not tree or _is_request_alone(tree):
            return
        # looked up each time: pytest and notebooks put another stream there
        stream = self._stream or sys.stderr
        if stream is None or not self._show(tree, stream):
            # only these are counted: nothing waits for what was printed
            self._count.accept(len(tree))
            self._count.drop(len(tree))

    def _show(self, tree: list[SpanSummary], stream: TextIO) -> bool:
        has_servers = self._has_servers(tree)
        hint = ESTIMATES.take_hint() + self._hint.take(tree)
        text = draw(tree, stream, has_servers=has_servers)
        # only in place of our own stream: a test or an app that names one wants text there
        publish = notebook.publisher() if self._stream is None else None
        if publish is None:
            return OUTPUT.print(stream, text + hint)
        # imported where there is a notebook alone
        from callspan.export.html import tree_html

        html = tree_html(tree, has_servers=has_servers)
        is_shown = OUTPUT.print(
            stream, text, write=lambda _stream, text: notebook.show(publish, text, html)
        )
        if hint:
            OUTPUT.print(stream, hint)
        return is_shown

    def _has_servers(self, tree: list[SpanSummary]) -> bool:
        """Whether calls went to several servers, so that each has to be named."""
        for span in tree:
            call = span.model_call
            if call is not None and call.server_address and len(self._servers) < 2:
                self._servers.add((call.server_address, call.server_port))
        return len(self._servers) > 1


class _QuotesHint:
    """Says once why nothing that was said is printed, though that was asked for."""

    def __init__(self, is_wanted: bool) -> None:
        self._is_wanted = is_wanted

    def take(self, tree: list[SpanSummary]) -> str:
        """Return a line if the calls of a tree have no content; else an empty text."""
        if not self._is_wanted:
            return ""
        calls = [span for span in tree if span.model_call is not None and span.error is None]
        has_quotes = any(span.quotes for span in tree)
        if has_quotes or not calls:
            return ""
        self._is_wanted = False
        return QUOTES_HINT


def _is_request_alone(tree: list[SpanSummary]) -> bool:
    """Whether a tree is of a request to a server in which nothing concerns a model."""
    if any(span.is_of_model for span in tree):
        return False
    return any(span.is_request for span in tree)


def _is_sampled(span: ReadableSpan) -> bool:
    context = span.context
    return context is not None and context.trace_flags.sampled

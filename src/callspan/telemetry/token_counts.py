"""The token counts of a call, as the metrics of a version of the conventions have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from callspan.events import Usage
from callspan.semconv.conventions import Convention, Metric

Count = tuple[Metric, int, "str | None"]
"""A metric, its value, and the modality of the tokens where the metric has that attribute."""
_MODALITIES = ("text", "audio", "image")


def counts(convention: Convention, usage: Usage) -> Iterable[Count]:
    """Return the counts that the provider stated, by metric; of subsets only those above 0."""
    if convention.input_tokens is not None:
        return _latest_counts(convention, usage)
    if usage.cache_read or usage.cache_write or usage.reasoning:
        return _subsets(convention, usage, None)
    return ()  # the usual case, in the path of each call: no generator for it


def _subsets(convention: Convention, usage: Usage, modality: str | None) -> Iterator[Count]:
    """Yield the counts of tokens that were cached, or thought with."""
    for metric, value in (
        (convention.cache_read_tokens, usage.cache_read),
        (convention.cache_write_tokens, usage.cache_write),
        (convention.reasoning_tokens, usage.reasoning),
    ):
        if metric is not None and value:
            yield metric, value, modality


def _latest_counts(convention: Convention, usage: Usage) -> Iterator[Count]:
    """Yield the counts of the latest conventions, which have metrics by modality."""
    yield from _subsets(convention, usage, "unknown")
    inputs = (usage.input_text, usage.input_audio, usage.input_image)
    outputs = (usage.output_text, usage.output_audio, usage.output_image)
    yield from _split(convention.input_tokens, usage.input, inputs)
    yield from _split(convention.output_tokens, usage.output, outputs)
    for metric, value in (
        (convention.input_distribution, usage.input),
        (convention.output_distribution, usage.output),
    ):
        if metric is not None and value is not None:
            yield metric, value, None


def _split(
    metric: Metric | None, total: int | None, parts: tuple[int | None, int | None, int | None]
) -> Iterator[Count]:
    """Yield a total by modality; the parts are those of `_MODALITIES`, in that order."""
    if metric is None or total is None:
        return
    # Parts that sum to more than the total cannot be right, and the conventions want the parts to
    # sum to the total: so such parts are left out, and a rest is of unknown modality.
    split_total = sum(filter(None, parts))
    if 0 < split_total <= total:
        for value, modality in zip(parts, _MODALITIES, strict=True):
            if value:
                yield metric, value, modality
        total -= split_total
        if not total:
            return
    yield metric, total, "unknown"

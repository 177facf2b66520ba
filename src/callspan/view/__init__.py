"""The local page: a store of spans, and pages of traces, calls and conversations made from it.

Knows OTLP and the names of the conventions, so it shows the spans of any program in any language.
"""

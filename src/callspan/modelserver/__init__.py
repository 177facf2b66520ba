"""The former name of `callspan.testing.modelserver`, which goes on working."""

from __future__ import annotations

from callspan.testing.modelserver import Counts, Ledger, ModelServer, Reply, Request, ToolCall

__all__ = ["Counts", "Ledger", "ModelServer", "Reply", "Request", "ToolCall"]

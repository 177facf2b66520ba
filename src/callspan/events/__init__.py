"""The types that clients and handlers share: a call, its answer and its end."""

from callspan.events.call import Call
from callspan.events.content import Content
from callspan.events.delta import (
    REASONING,
    SERVER_TOOL_CALL,
    TEXT,
    TOOL_CALL,
    Batch,
    BatchResult,
    Delta,
    Part,
    Token,
)
from callspan.events.details import DetailName, Details, Fetched
from callspan.events.ending import CANCELLED_BY_PROVIDER, Failure, Outcome, Retry
from callspan.events.estimate import Estimate
from callspan.events.framework import Framework
from callspan.events.handler import AnyHandler, Handler
from callspan.events.message_parts import message_part, parse_arguments
from callspan.events.messages import Message, MessagePart, PartFields, ToolDefinition
from callspan.events.parameters import (
    ConditionName,
    Conditions,
    ParameterName,
    Parameters,
)
from callspan.events.response import Response
from callspan.events.sound import Sound
from callspan.events.usage import Usage

__all__ = [
    "CANCELLED_BY_PROVIDER",
    "REASONING",
    "SERVER_TOOL_CALL",
    "TEXT",
    "TOOL_CALL",
    "AnyHandler",
    "Batch",
    "BatchResult",
    "Call",
    "ConditionName",
    "Conditions",
    "Content",
    "Delta",
    "DetailName",
    "Details",
    "Estimate",
    "Failure",
    "Fetched",
    "Framework",
    "Handler",
    "Message",
    "MessagePart",
    "Outcome",
    "ParameterName",
    "Parameters",
    "Part",
    "PartFields",
    "Response",
    "Retry",
    "Sound",
    "Token",
    "ToolDefinition",
    "Usage",
    "message_part",
    "parse_arguments",
]

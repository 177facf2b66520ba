"""The decorators `workflow`, `agent` and `tool`, which are context managers for blocks as well."""

from __future__ import annotations

from typing import overload

from callspan.decorators.operation_decorator import F, OperationDecorator
from callspan.decorators.operation_types import AGENT, TOOL, WORKFLOW, OperationType
from callspan.events import Parameters


# for type checkers: `@workflow` keeps the function's type, `@workflow(...)` is a decorator
@overload
def workflow(function: F, /) -> F: ...
@overload
def workflow(name: str | None = None, *, arguments: object = None) -> OperationDecorator: ...
def workflow(name: F | str | None = None, *, arguments: object = None) -> F | OperationDecorator:
    """Observe a function or a block as a workflow: agents, tools and models that belong together.

    Use it as `@workflow`, `@workflow("name")` or `with workflow("name"):`.

    Args:
        name: The name of the workflow, which must not differ from run to run. A function's own
            name is the default; a block must have one.
        arguments: The arguments of a block, which are content, captured as `input`. A function
            gets its own at each call.

    Returns:
        The decorated function, or an object that decorates functions and opens blocks.

    Raises:
        SettingsError: The name is empty, a block has none, or the object is no function.
    """
    return _decorate(WORKFLOW, name, {}, arguments)


@overload
def agent(function: F, /) -> F: ...
@overload
def agent(name: str | None = None, *, arguments: object = None) -> OperationDecorator: ...
def agent(name: F | str | None = None, *, arguments: object = None) -> F | OperationDecorator:
    """Observe a function or a block as an agent: models and tools called in it count as its own.

    Use it as `@agent`, `@agent("name")` or `with agent("name") as run:`. Arguments and result are
    content, captured as `input` and `output`. The result of a block is the
    value that it sets as `run.result`.

    Args:
        name: The name of the agent. A function's own name is the default; a block must have one.
        arguments: The arguments of a block. A function gets its own at each call.

    Returns:
        The decorated function, or an object that decorates functions and opens blocks.

    Raises:
        SettingsError: The name is empty, a block has none, or the object is no function.
    """
    return _decorate(AGENT, name, {}, arguments)


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(
    name: str | None = None,
    *,
    description: str | None = None,
    call_id: str | None = None,
    arguments: object = None,
) -> OperationDecorator: ...
def tool(
    name: F | str | None = None,
    *,
    description: str | None = None,
    call_id: str | None = None,
    arguments: object = None,
) -> F | OperationDecorator:
    """Observe a function or a block as a tool.

    Use it as `@tool`, `@tool("name")` or `with tool("name") as run:`. Arguments and result are
    content, captured as `arguments` and `results`. The result of a block is the
    value that it sets as `run.result`.

    Args:
        name: The name of the tool. A function's own name is the default; a block must have one.
        description: A description. The first line of a function's docstring is the default.
        call_id: The model's id for the call that a block answers.
        arguments: The arguments of a block, as an object or as the JSON text that a model wrote.
            A function gets its own at each call.

    Returns:
        The decorated function, or an object that decorates functions and opens blocks.

    Raises:
        SettingsError: The name is empty, a block has none, or the object is no function.
    """
    parameters: Parameters = {"tool_type": "function"}
    if description is not None:
        parameters["tool_description"] = description
    if call_id is not None:
        parameters["tool_call_id"] = call_id
    return _decorate(TOOL, name, parameters, arguments)


def _decorate(
    operation_type: OperationType,
    name: F | str | None,
    parameters: Parameters,
    arguments: object,
) -> F | OperationDecorator:
    """Return a decorator, or the decorated function if there is one in place of the name."""
    # `@tool` without brackets gets the function where `@tool()` has the name
    if name is None or isinstance(name, str):
        return OperationDecorator(operation_type, name, parameters, arguments)
    return OperationDecorator(operation_type, None, parameters, arguments)(name)

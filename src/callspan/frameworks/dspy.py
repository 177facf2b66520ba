"""DSPy: the app's modules as workflows, ReAct and its like as agents, tools and retrievers.

DSPy's own modules, such as `Predict`, are steps of these; one that is called with nothing around it
is a workflow, as it may ask the model again when it cannot parse an answer. Seen with dspy 3.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callspan.decorators.results import ResultReader
from callspan.decorators.running import Args, Kwargs
from callspan.formats.fields import all_fields
from callspan.frameworks.function_runs import argument, function_run
from callspan.frameworks.reporter import Reporter, RunStart, tool_start
from callspan.runtime import scope
from callspan.runtime.bound_function import carry
from callspan.runtime.patching import Patch

_reporter = Reporter("dspy", "dspy")
_AGENTS = frozenset({"ReAct", "ReActV2", "CodeAct", "RLM", "Avatar"})
"""The classes of `dspy.predict` that let a model use tools or write code until it has an answer."""
_HISTORY = frozenset({"trajectory", "history", "termination_reason"})
"""The fields of an agent's prediction that tell how it came to its answer."""


def _module(module: Any, args: Args, kwargs: Kwargs) -> RunStart | None:
    run_input = argument(args, kwargs, 0, "") or kwargs
    if _is_agent(module):
        return RunStart("invoke_agent", _name(module), run_input)
    # what DSPy's modules call stands in a run of the app's or is one by itself
    if _is_of_framework(type(module)) and scope.run_context() is not None:
        return None
    return RunStart("invoke_workflow", _name(module), run_input)


def _is_agent(module: object) -> bool:
    # classes of the app's own that derive from such an agent are agents, too
    return any(each.__name__ in _AGENTS and _is_of_framework(each) for each in type(module).__mro__)


def _is_of_framework(target: Any) -> bool:
    return str(target.__module__).partition(".")[0] == "dspy"


def _name(module: object) -> str | None:
    """Return the name of the app's class; a class of the framework is no name."""
    return None if _is_of_framework(type(module)) else type(module).__name__


def _tool(tool: Any, _args: Args, kwargs: Kwargs) -> RunStart | None:
    # by `finish` or `submit` an agent of DSPy's gives its answer
    if str(getattr(tool.func, "__module__", "")).startswith("dspy.predict."):
        return None
    return tool_start(tool.name, kwargs, description=tool.desc)


def _search(retriever: object, args: Args, kwargs: Kwargs) -> RunStart:
    query = argument(args, kwargs, 0, "query")
    limit = argument(args, kwargs, 1, "k") or all_fields(retriever).get("k")
    return RunStart("retrieval", None, query, {"retrieval_top_k": limit})


def _fields(prediction: Any) -> object:
    """Return the answer of a prediction: the value of its only field, or all by their names."""
    if not hasattr(prediction, "items"):
        return prediction
    # the way to the answer stands on the calls and tools inside
    fields = {name: value for name, value in prediction.items() if name not in _HISTORY}
    return next(iter(fields.values())) if len(fields) == 1 else fields


def _documents(prediction: Any) -> object:
    """Return the passages that were found as documents of the conventions."""
    passages = getattr(prediction, "passages", prediction)
    return [{"content": str(getattr(passage, "long_text", passage))} for passage in passages]


def run_in_threads(
    wrapped: Callable[..., object], _executor: object, args: Args, kwargs: Kwargs
) -> object:
    """Run a function on many examples, in threads that do not get the context by themselves."""
    # DSPy passes the function by position (`Evaluate` and `Parallel` of 3.4)
    if not args:
        return wrapped(*args, **kwargs)
    return wrapped(carry(args[0]), *args[1:], **kwargs)


def patches() -> list[Patch]:
    """Return the patches of modules, tools, retrievers and the executor of many examples."""
    module = function_run(_reporter, _module, ResultReader(output=_fields))
    tool = function_run(_reporter, _tool)
    search = function_run(_reporter, _search, ResultReader(output=_documents))
    return [
        Patch("dspy.primitives.module", "Module.__call__", module),
        Patch("dspy.primitives.module", "Module.acall", module),
        Patch("dspy.adapters.types.tool", "Tool.__call__", tool),
        Patch("dspy.adapters.types.tool", "Tool.acall", tool),
        Patch("dspy.retrievers.retrieve", "Retrieve.__call__", search),
        Patch("dspy.retrievers.embeddings", "Embeddings.__call__", search),
        Patch("dspy.dsp.colbertv2", "ColBERTv2.__call__", search, optional=True),
        # behind `Evaluate` and `Parallel` (tests/frameworks/test_carried_context.py)
        Patch("dspy.utils.parallelizer", "ParallelExecutor.execute", run_in_threads),
    ]


DSPY = _reporter.integration(
    module="dspy",
    versions=("3.4", "4"),
    operations=("invoke_workflow", "invoke_agent", "execute_tool", "retrieval"),
    patches=patches,
)

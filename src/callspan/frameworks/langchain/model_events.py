"""LangChain's callbacks about a run of a model: its start, the pieces of its answer, its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.frameworks.langchain import result_reader
from callspan.frameworks.langchain.operations import Serialized
from callspan.frameworks.langchain.tree import Tree
from callspan.frameworks.run import Arguments, ModelRun
from callspan.frameworks.run_context import ModelRunContext, delegate
from callspan.runtime import scope

Item = Any
"""An object of LangChain's: a message, an answer, a chunk, a tool's output, documents."""


def start_chat(
    tree: Tree,
    arguments: Arguments,
    _serialized: Serialized = None,
    messages: Item = (),
    *_rest: Item,
) -> None:
    """Begin the run of a model that is called with messages."""
    _start(tree, arguments, ("chat", messages))


def start_completion(
    tree: Tree,
    arguments: Arguments,
    _serialized: Serialized = None,
    prompts: Item = (),
    *_rest: Item,
) -> None:
    """Begin the run of a model that is called with texts."""
    _start(tree, arguments, ("text_completion", prompts))


def _start(tree: Tree, arguments: Arguments, model_input: tuple[str, Item]) -> None:
    """Begin a model's run. Its observation begins later, if no client's call reports it."""
    run = tree.begin(arguments, ModelRun)
    if run is None:
        return
    run.model_input = model_input
    run_context = scope.run_context()
    # in force round the model's method, also where LangChain reports from another task
    if isinstance(run_context, ModelRunContext):
        run_context.add(run)
    delegate(run)


def add_token(tree: Tree, arguments: Arguments, token: Item = None, *_rest: Item) -> None:
    """Add a piece of an answer to the run of its model."""
    run = tree.runs.get(arguments.get("run_id"))
    # an adopted run's chunks are reported by the client's stream
    if not isinstance(run, ModelRun) or run.adopted:
        return
    observation = tree.model_observation(run, True)
    if observation is None:
        return
    has_first_token = observation.call.response.first_token is not None
    if has_first_token and not observation.needs_text:
        # nobody reads the text: the chunk counts only as a sign of life
        observation.chunk(None)
        return
    observation.chunk(_text_or_chunk(arguments, token))


def _text_or_chunk(arguments: Arguments, token: Item) -> Item:
    """Return the text of a piece of an answer, or the chunk of a piece that has no text.

    A piece of a tool call has none.
    """
    if token is None:
        # LangChain passes it by name from some of its methods
        token = arguments.get("token")
    if isinstance(token, str) and token:
        return token
    return arguments.get("chunk")


def add_event(tree: Tree, arguments: Arguments, event: Item = None, *_rest: Item) -> None:
    """Take in an event of newer versions' streaming protocol: its text comes as deltas."""
    if not isinstance(event, Mapping):
        return
    delta = event.get("delta")
    if not isinstance(delta, Mapping):
        return
    text = delta.get("text")
    if isinstance(text, str) and text:
        add_token(tree, arguments, text)


def end(tree: Tree, run: ModelRun, result: Item) -> None:
    """End the run of a model that has answered, alone or as one of several prompts."""
    run.closed = True
    # no model was called, so there is no call to report
    if run.observation is None and result_reader.is_from_cache(result):
        return
    observation = tree.model_observation(run, False)
    if observation is None or observation.ended:
        return
    if len(run.group) == 1:
        observation.answer(result)
        return
    # the answers to several prompts of one request are the choices of its answer
    delta = result_reader.read(result, observation.needs_text)
    choice = result_reader.as_choice(delta, run.group.index(run))
    observation.call.response.add(choice, observation.needs_text)
    if all(member.closed for member in run.group):
        observation.finish()

"""Handlers, budgets and capture for one client object, or for one block of code."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from callspan.accounting.budgets import Budget
from callspan.clients import CLIENTS
from callspan.content.capture import Choice, ContentField
from callspan.events.handler import AnyHandler
from callspan.lifecycle.client_options import NO_OPTIONS, options_by_client
from callspan.lifecycle.dispatch import check_handlers
from callspan.runtime.errors import SettingsError
from callspan.runtime.scope import current, entered
from callspan.settings.choices import CaptureMode
from callspan.settings.resolution import check


def attach(
    client: object,
    *handlers: AnyHandler | Budget,
    capture: CaptureMode | None = None,
    capture_fields: Iterable[ContentField] | None = None,
) -> None:
    """Give one client object handlers, budgets and a choice of captured content of its own.

    They hold for as long as the object lives, and for copies that are made of it, as by
    `client.with_options(...)`. A further call for the same object adds to the first.

    Args:
        client: The client object whose calls are meant, such as `OpenAI()`.
        *handlers: Handlers, and budgets made by `callspan.budget(...)`.
        capture: Where the content of its calls goes; `None` leaves it as `instrument()` says.
        capture_fields: The kinds of content that are captured; `None` leaves them as they are.

    Raises:
        SettingsError: A handler, a budget or a word is not valid, or the object is no client.
    """
    budgets: list[Budget] = []
    others: list[AnyHandler] = []
    for handler in handlers:
        if isinstance(handler, Budget):
            budgets.append(handler)
        else:
            others.append(handler)
    choice = _choice(capture, capture_fields)
    _check_client(client)
    target = _request_object(client)
    # Outside the `try`, which is for objects that cannot be hashed or referred to weakly.
    checked_handlers = check_handlers(others)
    try:
        options = options_by_client.get(target, NO_OPTIONS)
        # replaced and never changed, as copies of the client share the earlier options
        options_by_client[target] = options.plus(checked_handlers, choice, tuple(budgets))
    except TypeError:
        raise _no_client(client) from None


def _check_client(client: object) -> None:
    """Raise `SettingsError` for an object whose calls cannot be seen, such as a framework's model."""
    # parts of a client, such as `client.chat`, keep the client there, and clients their HTTP client,
    # which may be of a class of the same package
    whole = getattr(client, "_client", None)
    is_part = _is_of_client(whole) and not hasattr(whole, "send")
    if is_part or not _is_of_client(client):
        raise _no_client(client)


def _is_of_client(instance: object) -> bool:
    """Whether a class of an object, which may be a subclass of the app's, is of a client package."""
    modules = [kind.__module__ for kind in type(instance).__mro__]
    return any(_belongs_to(module, listing.module) for module in modules for listing in CLIENTS)


def _belongs_to(module: str, package: str) -> bool:
    # some packages have their clients of clouds beside them, as mistralai has mistralai_azure
    return module == package or module.startswith((f"{package}.", f"{package}_"))


def _no_client(instance: object) -> SettingsError:
    name = type(instance).__name__
    return SettingsError(f"{name} is no client object: give the client itself, such as OpenAI()")


def _request_object(client: object) -> object:
    """Return the object on which a client makes its requests, which is where its calls are seen."""
    module = type(client).__module__
    for listing in CLIENTS:
        if not _belongs_to(module, listing.module):
            continue
        path = listing.load().inner
        if path is not None:
            target = client
            for name in path.split("."):
                target = getattr(target, name, client)
            return target
    return client


@contextlib.contextmanager
def use_handlers(*handlers: AnyHandler) -> Iterator[None]:
    """Call handlers for the calls that begin inside a block.

    Its tasks take them along, and threads that carry the context.

    Args:
        *handlers: Objects with one or more of the handler methods; they need not have all.

    Yields:
        Nothing: `with callspan.use_handlers(ConsoleHandler()):` is all there is to write.

    Raises:
        SettingsError: An object is no handler.
    """
    with entered(current().plus(handlers=check_handlers(handlers))):
        yield


@contextlib.contextmanager
def capture(
    mode: CaptureMode | None = None, *, fields: Iterable[ContentField] | None = None
) -> Iterator[None]:
    """Choose the content that is captured of the calls inside a block, and where it goes.

    The innermost block wins over a client's own choice, and that over `instrument()`.

    Args:
        mode: `off`, `span`, `event` or `both`; `None` leaves it as it is outside.
        fields: The kinds of content that are captured; `None` leaves them as they are.

    Yields:
        Nothing: `with callspan.capture("off"):` is all there is to write.

    Raises:
        SettingsError: A word is none of these.
    """
    scope = current()
    # over the outer choice, as a block may set the mode alone or the fields alone
    with entered(scope.plus(capture=_choice(mode, fields).over(scope.capture))):
        yield


def _choice(mode: str | None, fields: Iterable[str] | None) -> Choice:
    """Return the choice of a block or client object, or raise `SettingsError`."""
    if mode is not None:
        mode = check("capture", mode)
    field_names: tuple[str, ...] | None = None
    if fields is not None:
        field_names = check("capture_fields", fields)
    return Choice(mode, field_names)

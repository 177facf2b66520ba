"""OpenTelemetry set up for a program that has not done so; else our destinations added to what the program has."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Hashable
from typing import Any

from callspan.export.attachments import ProviderAttachment
from callspan.export.destinations import Destinations
from callspan.export.exporter import Exporter, seconds_left
from callspan.export.losses import Loss, losses, sentence
from callspan.export.meters import Meters
from callspan.export.opening import check_sdk, together, ways_to_open
from callspan.export.token_sums import TokenSums
from callspan.lifecycle.shutdown import abandon_all
from callspan.runtime import guard, process
from callspan.runtime.background import heard
from callspan.settings.environment import FLUSH_TIMEOUT, flush_timeout
from callspan.telemetry import provider as telemetry

_SIGNALS = ("traces", "logs", "metrics")
_lock = process.own_lock(sys.modules[__name__], "_lock", awaited=True)
_layers: dict[str, Destinations] = {}
_ways: dict[str, dict[Hashable, Callable[[], Exporter]]] = {}
"""What the program and the operator chose, and how each of that is opened."""
_exporters: dict[Hashable, Exporter] = {}
_retired: list[Exporter] = []
_closed: list[Exporter] = []
"""Destinations of this process that were closed, for what they lost."""
_inherited = False
_token_sums: TokenSums | None = None
_hooked = False
_ended = False
_waited_since: dict[str, float] = {}
"""When each signal was first waited for in vain."""


def setup(destinations: Destinations, *, strict: bool = True, by: str = "program") -> None:
    """Let telemetry go to these destinations, and to no others that were set up here before by the same side.

    `by` is `program`, or `operator` for what the environment asks for; neither takes away from the other. Providers
    that the app has set are kept. The same destinations again change nothing. Raises `ConfigurationError`, one line,
    before anything is changed; with `strict` false, each destination that cannot be used is a warning.
    """
    global _exporters
    check_sdk()
    ways = ways_to_open(destinations, strict)
    with _lock:
        wanted = together({**_ways, by: ways})
        if destinations == _layers.get(by, Destinations()) and _exporters.keys() == wanted.keys():
            follow()
            return
        _renew()
        _hook()
        old, _exporters = _exporters, _opened(wanted, _exporters, strict)
        _layers[by], _ways[by] = destinations, ways
        _connect()
        gone = [exporter for key, exporter in old.items() if _exporters.get(key) is not exporter]
        for exporter in gone:
            _finish(exporter, time.monotonic() + flush_timeout())
        _retired.extend(
            gone
        )  # kept, because SDKs before 1.34 print an error in every child when a processor is gone


def _finish(exporter: Exporter, deadline: float) -> None:
    for signal in _SIGNALS:
        if exporter.wants(signal):
            exporter.flush(signal, deadline)
    _close_exporter(exporter, deadline)


def _close_exporter(exporter: Exporter, deadline: float) -> None:
    """Close a destination, and say in one line what it has lost."""
    try:
        exporter.close(deadline)
    except Exception as error:  # noqa: BLE001  the exit goes on
        guard.report("closing a destination", error)
    _closed.append(exporter)
    line = sentence(losses(exporter.name, exporter.counts), exporter.failure)
    if line:
        guard.say_once(line)


def _opened(
    wanted: dict[Hashable, Callable[[], Exporter]], old: dict[Hashable, Exporter], strict: bool
) -> dict[Hashable, Exporter]:
    """Return the exporters, those that are open already kept.

    If one cannot be opened, the new ones are closed again, or with `strict` false the others are used without it.
    """
    opened: dict[Hashable, Exporter] = {}
    try:
        for key, make in wanted.items():
            try:
                opened[key] = old.get(key) or make()
            except Exception as error:
                if strict:
                    raise
                guard.say_once(f"{error}; nothing goes there")
    except BaseException:
        for key, exporter in opened.items():
            if key not in old:
                exporter.close(time.monotonic() + 1)
        raise
    return opened


def _connect() -> None:
    exporters = list(_exporters.values())
    _meters.use(exporters)
    for attachment in _attachments:
        attachment.use(exporters)


def follow() -> None:
    """Look whether the app has set a provider of its own since, and if so show and write its telemetry too."""
    with _lock:
        if _exporters and (
            _meters.replaced or any(attachment.replaced for attachment in _attachments)
        ):
            _connect()


def _shows_console() -> bool:
    return any(layer.console for layer in _layers.values())


def is_configured() -> bool:
    """Whether the program itself has said where telemetry goes."""
    return _layers.get("program", Destinations()).any


def handlers() -> tuple[Any, ...]:
    """The handlers that have to hear all calls while the console is a destination: the one that counts tokens."""
    global _token_sums
    if not _shows_console():
        return ()
    if _token_sums is None:
        _token_sums = TokenSums()
    return (_token_sums,)


def unset() -> bool:
    """Whether nobody has set a tracer provider yet."""
    from opentelemetry import trace

    return isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def owned() -> bool:
    """Whether a provider in force is ours."""
    return any(attachment.own is not None for attachment in _attachments) or _meters.own is not None


def describe() -> list[str]:
    """One line for each place to which telemetry goes by us."""
    return [line for exporter in _open_exporters() for line in exporter.describe()]


def lost() -> list[Loss]:
    """Return what was lost in this process, a row for each destination and signal."""
    exporters = [*_closed, *([] if _inherited else _exporters.values())]
    return [row for exporter in exporters for row in losses(exporter.name, exporter.counts)]


def problems() -> list[str]:
    """Return a line for each destination that has lost something."""
    exporters = [*_closed, *([] if _inherited else _exporters.values())]
    lines = (
        sentence(losses(exporter.name, exporter.counts), exporter.failure) for exporter in exporters
    )
    return [line for line in lines if line]


def begin_flush(timeout: float) -> None:
    """Begin to send all signals beside each other: a slow collector is waited for once, not once for each signal."""
    if not _inherited:
        for exporter in list(_exporters.values()):
            exporter.begin_flush(time.monotonic() + timeout)


def give_up_absent() -> None:
    """Wait no more for destinations that are not there, as the process is to end by a signal."""
    for exporter in [] if _inherited else list(_exporters.values()):
        exporter.give_up_absent()


def flush(timeout: float = FLUSH_TIMEOUT) -> bool:
    """Bring out traces, logs and metrics within so many seconds; false if that was too short, or something was lost."""
    deadline = time.monotonic() + timeout
    begin_flush(timeout)
    return all([_flush_signal(signal, seconds_left(deadline)) for signal in _SIGNALS])


def _flush_signal(signal: str, seconds: float) -> bool:
    """What stays here first, then what goes over the network, which may take all the time that there is."""
    deadline = time.monotonic() + seconds
    if _inherited:
        return True  # nothing has been recorded in this child
    exporters = [exporter for exporter in _exporters.values() if exporter.wants(signal)]
    try:
        done = all(
            [
                exporter.flush(signal, deadline)
                for exporter in sorted(exporters, key=lambda o: o.remote)
            ]
        )
        intact = not any(
            [exporter.counts[signal].news() for exporter in exporters if signal in exporter.counts]
        )
    except Exception as error:  # noqa: BLE001  a destination's fault must not stop the app
        guard.report(f"flushing {signal}", error)
        return False
    if done:
        _waited_since.pop(signal, None)
    else:
        _waited_since.setdefault(signal, deadline - seconds)
    return done and intact


def shutdown() -> None:
    """Bring everything out, print the table of tokens, and close what we opened, all within the time for the exit.

    Time that was spent in vain by a flush just before counts, so that a dead collector is waited for once.
    """
    global _ended
    if _ended:
        return
    _ended = True
    deadline = process.until_interrupted(_flush_at_exit)
    _close(time.monotonic() if deadline is None else deadline)
    _print_table()


def _flush_at_exit() -> float:
    """Bring everything out; the time by which the exit has to be over."""
    abandon_all()
    heard(process.patience(flush_timeout()))
    now, allowed = time.monotonic(), process.patience(flush_timeout())
    began = min(
        (since for since in _waited_since.values() if now - since < 2 * allowed), default=now
    )
    deadline = max(now, began + allowed)
    flush(seconds_left(deadline))
    return deadline


def _close(deadline: float) -> None:
    """Close all; providers of the app's that are shut down after us find nothing of ours any more."""
    global _exporters
    for attachment in _attachments:
        attachment.use([])
    if _inherited:
        return
    for exporter in sorted(_exporters.values(), key=lambda exporter: exporter.remote):
        _close_exporter(exporter, deadline)
    _exporters = {}


def _print_table() -> None:
    if _token_sums is None or not _shows_console() or sys.stderr is None:
        return
    from callspan.export.text import token_table
    from callspan.export.text.tree import write

    text = token_table.render(_token_sums.by_model())
    if text:
        write(sys.stderr, f"\n{text}")


def _hook() -> None:
    """Registered early, so that what the core registers later runs earlier: it ends calls that are still open."""
    global _hooked
    if not _hooked:
        _hooked = True
        process.at_exit(shutdown)
        process.in_child(_after_fork)
        telemetry.listeners.append(follow)


def _after_fork() -> None:
    """Only note that exporters have to be made anew: this runs inside the app's fork, where little is safe."""
    global _ended, _inherited
    _waited_since.clear()
    _closed.clear()
    _ended = False
    _inherited = bool(_exporters)
    for exporter in _exporters.values():
        exporter.forked()
    for attachment in _attachments:
        attachment.forked()
    _meters.renew()


def _renew() -> None:
    """In a child that has something to tell: open destinations of its own in place of the parent's."""
    global _inherited, _exporters
    with _lock:
        if _inherited:
            _inherited = False
            _retired.extend(_exporters.values())
            children = {key: exporter.in_child() for key, exporter in _exporters.items()}
            _exporters = {key: child for key, child in children.items() if child is not None}
        for attachment in _attachments:
            attachment.use(list(_exporters.values()))


def _open_exporters() -> list[Exporter]:
    """The exporters of this process, opened now if it is a child that has not done so."""
    if _inherited:
        _renew()
    return list(_exporters.values())


_attachments = tuple(
    ProviderAttachment(signal, _renew, _flush_signal) for signal in ("traces", "logs")
)
_meters = Meters(_open_exporters, lambda seconds: _flush_signal("metrics", seconds), lambda: _lock)

"""OpenTelemetry set up for a program that has not done so; else our destinations added to what the program has."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Hashable
from typing import Any

from callspan.export.attachments import Tap
from callspan.export.destinations import Destinations
from callspan.export.exporter import Outlet, left
from callspan.export.losses import Loss, losses, sentence
from callspan.export.meters import Meters
from callspan.export.opening import check_sdk, together, ways_to_open
from callspan.export.token_sums import TokenSums
from callspan.lifecycle.shutdown import abandon_all
from callspan.runtime import guard, process
from callspan.runtime.background import heard
from callspan.settings.settings import FLUSH_TIMEOUT, flush_timeout
from callspan.telemetry import provider as telemetry

_SIGNALS = ("traces", "logs", "metrics")
_lock = process.own_lock(sys.modules[__name__], "_lock", awaited=True)
_layers: dict[str, Destinations] = {}
_ways: dict[str, dict[Hashable, Callable[[], Outlet]]] = {}
"""What the program and the operator chose, and how each of that is opened."""
_outlets: dict[Hashable, Outlet] = {}
_retired: list[Outlet] = []
_closed: list[Outlet] = []
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
    global _outlets
    check_sdk()
    ways = ways_to_open(destinations, strict)
    with _lock:
        wanted = together({**_ways, by: ways})
        if destinations == _layers.get(by, Destinations()) and _outlets.keys() == wanted.keys():
            follow()
            return
        _renew()
        _hook()
        old, _outlets = _outlets, _opened(wanted, _outlets, strict)
        _layers[by], _ways[by] = destinations, ways
        _connect()
        gone = [outlet for key, outlet in old.items() if _outlets.get(key) is not outlet]
        for outlet in gone:
            _finish(outlet, time.monotonic() + flush_timeout())
        _retired.extend(
            gone
        )  # kept, because SDKs before 1.34 print an error in every child when a processor is gone


def _finish(outlet: Outlet, deadline: float) -> None:
    for signal in _SIGNALS:
        if outlet.wants(signal):
            outlet.flush(signal, deadline)
    _close_outlet(outlet, deadline)


def _close_outlet(outlet: Outlet, deadline: float) -> None:
    """Close a destination, and say in one line what it has lost."""
    try:
        outlet.close(deadline)
    except Exception as error:  # noqa: BLE001  the exit goes on
        guard.report("closing a destination", error)
    _closed.append(outlet)
    line = sentence(losses(outlet.name, outlet.counts), outlet.failure)
    if line:
        guard.say_once(line)


def _opened(
    wanted: dict[Hashable, Callable[[], Outlet]], old: dict[Hashable, Outlet], strict: bool
) -> dict[Hashable, Outlet]:
    """Return the outlets, those that are open already kept.

    If one cannot be opened, the new ones are closed again, or with `strict` false the others are used without it.
    """
    opened: dict[Hashable, Outlet] = {}
    try:
        for key, make in wanted.items():
            try:
                opened[key] = old.get(key) or make()
            except Exception as error:
                if strict:
                    raise
                guard.say_once(f"{error}; nothing goes there")
    except BaseException:
        for key, outlet in opened.items():
            if key not in old:
                outlet.close(time.monotonic() + 1)
        raise
    return opened


def _connect() -> None:
    outlets = list(_outlets.values())
    _meters.use(outlets)
    for tap in _taps:
        tap.use(outlets)


def follow() -> None:
    """Look whether the app has set a provider of its own since, and if so show and write its telemetry too."""
    with _lock:
        if _outlets and (_meters.replaced or any(tap.replaced for tap in _taps)):
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
    return any(tap.own is not None for tap in _taps) or _meters.own is not None


def describe() -> list[str]:
    """One line for each place to which telemetry goes by us."""
    return [line for outlet in _open_outlets() for line in outlet.describe()]


def lost() -> list[Loss]:
    """Return what was lost in this process, a row for each destination and signal."""
    outlets = [*_closed, *([] if _inherited else _outlets.values())]
    return [row for outlet in outlets for row in losses(outlet.name, outlet.counts)]


def problems() -> list[str]:
    """Return a line for each destination that has lost something."""
    outlets = [*_closed, *([] if _inherited else _outlets.values())]
    lines = (sentence(losses(outlet.name, outlet.counts), outlet.failure) for outlet in outlets)
    return [line for line in lines if line]


def begin_flush(timeout: float) -> None:
    """Begin to send all signals beside each other: a slow collector is waited for once, not once for each signal."""
    if not _inherited:
        for outlet in list(_outlets.values()):
            outlet.begin_flush(time.monotonic() + timeout)


def give_up_absent() -> None:
    """Wait no more for destinations that are not there, as the process is to end by a signal."""
    for outlet in [] if _inherited else list(_outlets.values()):
        outlet.give_up_absent()


def flush(timeout: float = FLUSH_TIMEOUT) -> bool:
    """Bring out traces, logs and metrics within so many seconds; false if that was too short, or something was lost."""
    deadline = time.monotonic() + timeout
    begin_flush(timeout)
    return all([_flush_signal(signal, left(deadline)) for signal in _SIGNALS])


def _flush_signal(signal: str, seconds: float) -> bool:
    """What stays here first, then what goes over the network, which may take all the time that there is."""
    deadline = time.monotonic() + seconds
    if _inherited:
        return True  # nothing has been recorded in this child
    outlets = [outlet for outlet in _outlets.values() if outlet.wants(signal)]
    try:
        done = all(
            [outlet.flush(signal, deadline) for outlet in sorted(outlets, key=lambda o: o.remote)]
        )
        intact = not any(
            [outlet.counts[signal].news() for outlet in outlets if signal in outlet.counts]
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
    flush(left(deadline))
    return deadline


def _close(deadline: float) -> None:
    """Close all; providers of the app's that are shut down after us find nothing of ours any more."""
    global _outlets
    for tap in _taps:
        tap.use([])
    if _inherited:
        return
    for outlet in sorted(_outlets.values(), key=lambda outlet: outlet.remote):
        _close_outlet(outlet, deadline)
    _outlets = {}


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
    """Only note that outlets have to be made anew: this runs inside the app's fork, where little is safe."""
    global _ended, _inherited
    _waited_since.clear()
    _closed.clear()
    _ended = False
    _inherited = bool(_outlets)
    for outlet in _outlets.values():
        outlet.forked()
    for tap in _taps:
        tap.forked()
    _meters.renew()


def _renew() -> None:
    """In a child that has something to tell: open destinations of its own in place of the parent's."""
    global _inherited, _outlets
    with _lock:
        if _inherited:
            _inherited = False
            _retired.extend(_outlets.values())
            children = {key: outlet.in_child() for key, outlet in _outlets.items()}
            _outlets = {key: child for key, child in children.items() if child is not None}
        for tap in _taps:
            tap.use(list(_outlets.values()))


def _open_outlets() -> list[Outlet]:
    """The outlets of this process, opened now if it is a child that has not done so."""
    if _inherited:
        _renew()
    return list(_outlets.values())


_taps = tuple(Tap(signal, _renew, _flush_signal) for signal in ("traces", "logs"))
_meters = Meters(_open_outlets, lambda seconds: _flush_signal("metrics", seconds), lambda: _lock)

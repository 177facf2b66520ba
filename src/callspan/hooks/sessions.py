"""A session: several responses on one connection, each with an observation of its own.

A hook of connections (`hooks/sockets.py`) tells it of each event that is sent or received, and of
the end of the connection. No event is kept: of the conversation only the items that came since the
last request are, and of sound only its size.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from callspan.accounting.budgets import BudgetExceeded
from callspan.formats.bodies import merge_bodies, parse_json
from callspan.formats.fields import Body, Item
from callspan.formats.session import ITEMS, SOUND_SIZE, ReadEvent, SessionEvent, SessionFormat
from callspan.lifecycle.admission import admit_begun
from callspan.lifecycle.answers import read_note
from callspan.lifecycle.observation import Observation
from callspan.runtime import guard

OpenResponse = Callable[[Body], "Observation | None"]
"""Opens the observation of a response by its request; returns `None` if nobody wants one."""
Message = Any
"""A message of a socket: text, bytes, or an iterable of fragments."""
MOST_ITEMS = 100
"""The most items of a conversation that are kept for the next request."""


# compared by identity: two responses may be asked for in the same way
@dataclass(slots=True, eq=False)
class Turn:
    """One request with its response.

    Attributes:
        observation: The observation, or `None` if nobody wants one.
        event_id: The app's own name of the request.
        lane: The app's name of the queue that it stands in.
    """

    observation: Observation | None
    event_id: str | None = None
    lane: str | None = None


class Session:
    """The responses of one session: those that are asked for, and those that have begun.

    Args:
        session_format: How the events are read.
        open_response: Opens the observation of a response.
        settings: The settings that hold from the start.
    """

    def __init__(
        self, session_format: SessionFormat, open_response: OpenResponse, settings: Body
    ) -> None:
        self._format = session_format
        self._open_response = open_response
        self._settings = settings
        self._items: deque[Item] = deque(maxlen=MOST_ITEMS)
        self._sound_size = 0
        # one thread may send while another one receives: each step on these is one of C code
        self._waiting: list[Turn] = []
        self._running: dict[str, Turn] = {}

    def send(self, message: Message) -> Turn | None:
        """Read an event before it is sent; return the turn that it begins, if it does."""
        try:
            event, _ = _read(self._format.sent, message)
            if event is None:
                return None
            self._remember(event)
            if event.request is None or (event.continues and self._running):
                return None
            turn = Turn(self._open(event.request), event.event_id, event.lane)
        except Exception as error:  # noqa: BLE001  the app must reach its model
            guard.report("looking at an event of a session", error)
            return None
        # before it is sent, as the answer may be received before `send` returns
        self._waiting.append(turn)
        return turn

    def withdraw(self, turn: Turn) -> None:
        """Forget a request that could not be sent."""
        if turn in self._waiting:
            self._waiting.remove(turn)

    def receive(self, message: Message) -> Observation | None:
        """Read an event that was received, and return the observation that it belongs to.

        Raises `BudgetExceeded` where a budget stops the response.
        """
        try:
            event, item = _read(self._format.received, message)
            if event is None:
                return None
            self._remember(event)
            turn = self._turn_of(event)
        except Exception as error:  # noqa: BLE001  an odd event must not cost the app its session
            guard.report("looking at an event of a session", error)
            return None
        if turn is None:
            return None
        return self._take_in(turn, event, item)

    def _take_in(self, turn: Turn, event: SessionEvent, item: Item) -> Observation | None:
        """Add an event to the response of its turn, which it may end; return the observation."""
        is_over = event.ends or event.refuses
        if is_over:
            self._forget(turn)
        observation = turn.observation
        if observation is None or observation.ended:
            return observation
        _note(observation, event, item)
        if is_over:
            observation.finish()
        return observation

    def fail(self, error: BaseException) -> list[Observation]:
        """End all responses that are open, as the connection broke; return their observations."""
        observations = self._take_all()
        for observation in observations:
            observation.fail(error)
        return observations

    def abandon(self) -> list[Observation]:
        """End all responses that are open, as the app closes the connection; return them."""
        observations = self._take_all()
        for observation in observations:
            observation.abandon()
        return observations

    def _take_all(self) -> list[Observation]:
        turns = [*self._running.values(), *self._waiting]
        self._running.clear()
        self._waiting.clear()
        return [each.observation for each in turns if each.observation is not None]

    def _remember(self, event: SessionEvent) -> None:
        """Keep the parts of an event that belong to the next request."""
        if event.settings:
            self._settings = merge_bodies(self._settings, event.settings)
        self._items.extend(event.items)
        self._sound_size += event.sound_size

    def _open(self, request: Body) -> Observation | None:
        """Open the observation of a response, with all that was sent for it."""
        body = merge_bodies(self._settings, request)
        if self._items:
            body[ITEMS] = list(self._items)
            self._items.clear()
        if self._sound_size:
            body[SOUND_SIZE] = self._sound_size
            self._sound_size = 0
        return self._open_response(body)

    def _turn_of(self, event: SessionEvent) -> Turn | None:
        """Return the turn that an event belongs to; it may begin here."""
        if event.is_aside:
            return None
        if event.refuses:
            return self._refused(event)
        turn = self._running_turn(event)
        if turn is None and event.begins:
            return self._begin(event)
        if turn is None and event.ends and event.response_id is None:
            return self._next(event)
        return turn

    def _running_turn(self, event: SessionEvent) -> Turn | None:
        if event.response_id is not None:
            return self._running.get(event.response_id)
        # events of a stream do not name their response: in one lane there is one at a time
        for turn in reversed(list(self._running.values())):
            if turn.lane == event.lane:
                return turn
        return None

    def _refused(self, event: SessionEvent) -> Turn | None:
        if event.event_id is None:
            return self._next(event)
        for turn in self._waiting:
            if turn.event_id == event.event_id:
                return turn
        return None

    def _next(self, event: SessionEvent) -> Turn | None:
        """Return the request in the event's lane that waits for longest."""
        for turn in self._waiting:
            if turn.lane == event.lane:
                return turn
        return None

    def _begin(self, event: SessionEvent) -> Turn:
        """Return the turn of a response that begins; the server may begin one by itself."""
        turn = self._next(event)
        if turn is None:
            turn = Turn(self._open({}), lane=event.lane)
            if turn.observation is not None:
                _start_begun(turn.observation)
        else:
            self.withdraw(turn)
        self._running[event.response_id or ""] = turn
        return turn

    def _forget(self, turn: Turn) -> None:
        self.withdraw(turn)
        for response_id, running in list(self._running.items()):
            if running is turn:
                self._running.pop(response_id, None)


def _read(read: ReadEvent, message: Message) -> tuple[SessionEvent | None, Item]:
    """Return the meaning of a message, and its data."""
    if not isinstance(message, (str, bytes, bytearray)):
        return None, None
    item = parse_json(message)
    if not isinstance(item, Mapping):
        return None, None
    return read(item), item


def _start_begun(observation: Observation) -> None:
    """Start the observation of a response that no request of the app's has asked for."""
    call = observation.call
    reservation = None
    if observation.admission is not None:
        reservation = admit_begun(observation.admission)
    observation.start_late(call.start_ns, call.started, reservation)


def _note(observation: Observation, event: SessionEvent, item: Item) -> None:
    """Add an event to the response of an observation."""
    if not event.is_chunk:
        read_note(observation, item)
        return
    try:
        observation.chunk(item)
    except BudgetExceeded as stop:
        # the app gets it, and may cancel the response; its further events are not looked at
        observation.fail(stop)
        raise

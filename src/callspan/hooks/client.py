"""One client as data: the types that the modules of `clients` are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from callspan.formats.format import Format
from callspan.hooks.address import Server
from callspan.hooks.client_types import ClientObject
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.reading import Reading
from callspan.runtime.patching import Patch


# compared by identity: a client is the key of tables, and its own mappings have no hash
@dataclass(frozen=True, slots=True, eq=False)
class Client:
    """One client library: its names, versions, provider, hook and endpoints.

    Attributes:
        name: The name that users write in `clients=`, and that spans have.
        package: The distribution on the package index.
        module: The module whose import makes callspan patch the client.
        versions: The oldest version that is supported and the first that was not tried, as in
            `>=oldest,<newest`.
        provider: Returns the provider's name, by client object, host and port.
        hook: Returns the patches by which the client's calls are caught.
        endpoints: The formats of the endpoints whose requests are calls, by the name that the hook
            has for each: a path (`hooks/paths.py`), an operation, a task.
        in_process: Whether its models run in the program: nothing is sent, and nothing is paid for.
        jobs: Paths at which a job is handed over that a model does later, for a hook that finds
            endpoints by path. They are no endpoints, though they may end as one does.
        batches: The formats of the endpoints at which batches and their results are read, likewise;
            they are watched only where the app wants that.
        tracer_property: The property by which a client that makes spans of its own finds its
            tracer, as `Class.property`. While a call with a span of ours is made, it starts none.
        wants_own_spans: Whether the app asked for spans of the client's own, by client object.
        propagates: Whether a client object sends the context of its spans with its requests;
            `None` if each does.
        inner: The dotted path from the app's client object to the one that the hook sees, if that
            is another.
        conflicts: Packages that patch the client too, by the modules that do it.
        public_methods: Methods, each a module and a dotted path, by which it shows whether one of
            these packages has patched the client.
    """

    name: str
    package: str
    module: str
    versions: tuple[str, str]
    provider: Callable[[ClientObject, str, int | None], str]
    hook: Hook
    endpoints: Mapping[str, Format]
    in_process: bool = False
    jobs: tuple[str, ...] = ()
    batches: Mapping[str, Format] = field(default_factory=dict)
    tracer_property: str | None = None
    wants_own_spans: Callable[[ClientObject], bool] | None = None
    propagates: Callable[[ClientObject], bool] | None = None
    inner: str | None = None
    conflicts: Mapping[str, str] = field(default_factory=dict)
    public_methods: tuple[tuple[str, str], ...] = ()

    @property
    def operations(self) -> tuple[str, ...]:
        """The operations of its endpoints, each once."""
        return tuple(
            dict.fromkeys(wire_format.operation for wire_format in self.endpoints.values())
        )


# not frozen, as one is made for each call and a frozen one takes longer to make
@dataclass(slots=True)
class Request:
    """One request as a hook caught it, before it is known whether anybody wants to observe it."""

    client: Client
    wire_format: Format
    client_object: ClientObject
    body: Mapping[str, object]
    stream: bool
    asynchronous: bool
    server: Server
    reading: Reading


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who wants the calls that a hook catches.

    Attributes:
        open_call: Returns the observation of a request, or `None` if nobody wants one.
        requests_usage: Whether the hook is to ask providers for the token counts of streams.
        reads_batches: Whether the hook is to catch the reading of batches too.
    """

    open_call: Callable[[Request], Observation | None]
    requests_usage: bool = False
    reads_batches: bool = False

    def formats_of(self, client: Client) -> Mapping[str, Format]:
        """Return the formats of the client's endpoints that are to be watched, by their names."""
        if self.reads_batches:
            return {**client.endpoints, **client.batches}
        return client.endpoints


Hook = Callable[[Client, Subscriber], "list[Patch]"]
"""Returns the patches by which the calls of a client are caught, for a subscriber."""

"""The application: its addresses, and what answers there."""

from __future__ import annotations

import time
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from callspan.view import pages
from callspan.view.access import Access
from callspan.view.receiving import receive
from callspan.view.store import Store

_STATIC = Path(__file__).parent / "static"


def make_application(store: Store, host: str = "127.0.0.1", token: str = "") -> Starlette:
    """Return the application that shows a store and takes spans into it.

    Args:
        store: Where the spans are.
        host: The address that it will be served on.
        token: What requests have to bring; empty on loopback.
    """
    routes = [
        Route("/", pages.traces),
        Route("/traces/{trace_id}", pages.trace),
        Route("/traces/{trace_id}/save", pages.save),
        # `path`, as a session's name may have slashes
        Route("/sessions/{session:path}", pages.session),
        Route("/figures", pages.figures),
        Route("/compare", pages.compare),
        Route("/changes", pages.changes),
        # the paths of OTLP over HTTP, so that an exporter needs only the address of the page
        Route("/v1/{signal:str}", receive, methods=["POST"]),
        Mount("/static", StaticFiles(directory=_STATIC)),
    ]
    access = Middleware(Access, host=host, token=token)
    application = Starlette(routes=routes, middleware=[access])
    application.state.store = store
    # as if somebody had just asked, or an idle page would end before its first request
    application.state.last_request = time.monotonic()
    return application

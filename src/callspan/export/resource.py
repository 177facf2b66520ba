"""The resource of this process: the name of its service, and an id of its own."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

_NAME, _INSTANCE = "service.name", "service.instance.id"
_UNKNOWN = "unknown_service"
# the process that has it, as a forked child finds its parent's here
_instance: tuple[int, str] = (0, "")


def resource() -> Resource:
    """Return the SDK's resource by the standard variables; without a service name, the program's."""
    from opentelemetry.sdk.resources import Resource

    standard = _standard()
    more: dict[str, str] = {}
    service = str(standard.attributes.get(_NAME, _UNKNOWN))
    if service.startswith(_UNKNOWN):  # the SDK adds the interpreter: `unknown_service:python`
        more[_NAME] = program_name()
    if _INSTANCE not in standard.attributes:
        more[_INSTANCE] = _instance_id()
    return standard.merge(Resource(more)) if more else standard


def _standard() -> Resource:
    """Return what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say, and what the SDK detects."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    try:
        return Resource.create({})
    except RuntimeError:
        # its detectors run on threads (SDK 1.45), and there can be no more; the variables need none
        return OTELResourceDetector().detect()


def child_resource(parent: Resource) -> Resource:
    """Return the resource of a forked child.

    The SDK is not asked again: `Resource.create` starts threads, and waits for ever in a fork.
    """
    from opentelemetry.sdk.resources import Resource

    if parent.attributes.get(_INSTANCE) != _instance[1]:
        return parent  # the user chose the id
    return parent.merge(Resource({_INSTANCE: _instance_id()}))


def _instance_id() -> str:
    """Return an id that a child does not share with its parent.

    Two processes with one id would overwrite each other's sums.
    """
    global _instance
    if _instance[0] != os.getpid():
        _instance = os.getpid(), str(uuid.uuid4())
    return _instance[1]


def program_name() -> str:
    """Return the name of the script, or of the package for `python -m package`, else `python`."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        return spec.name.removesuffix(".__main__")
    # an interactive session has no file, and an embedded one may have no arguments
    path = Path(getattr(main, "__file__", None) or "".join(sys.argv[:1]))
    name = path.parent.name if path.name == "__main__.py" else path.stem
    # `sys.argv[0]` is `-c` for code, and `-m` until the module is found
    return "python" if name in ("", "-c", "-m") else name

"""What the telemetry of this process is said to come from."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path
from typing import Any

_NAME, _INSTANCE = "service.name", "service.instance.id"
_instance: tuple[int, str] = (0, "")


def resource() -> Any:
    """The SDK's resource by the standard variables; without a service name, the program's."""
    from opentelemetry.sdk.resources import Resource

    found = Resource.create({})
    more: dict[str, str] = {}
    if str(found.attributes.get(_NAME, "unknown_service")).startswith("unknown_service"):
        more[_NAME] = program_name()
    if _INSTANCE not in found.attributes:
        more[_INSTANCE] = _instance_id()
    return found.merge(Resource(more)) if more else found


def in_child(parent: Any) -> Any:
    """The resource of a forked child, without asking the SDK, which starts threads for that and hangs in a fork."""
    from opentelemetry.sdk.resources import Resource

    if parent.attributes.get(_INSTANCE) != _instance[1]:
        return parent  # the user chose the id
    return parent.merge(Resource({_INSTANCE: _instance_id()}))


def _instance_id() -> str:
    """One id a process; a child has its own, for two processes with one id would overwrite each other's sums."""
    global _instance
    if _instance[0] != os.getpid():
        _instance = os.getpid(), str(uuid.uuid4())
    return _instance[1]


def program_name() -> str:
    """The name of the script, or of the package for `python -m package`; `python` for the interactive one."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        return spec.name.removesuffix(".__main__")
    path = Path(getattr(main, "__file__", None) or (sys.argv[0] if sys.argv else ""))
    name = path.parent.name if path.name == "__main__.py" else path.stem
    return name if name and name not in ("-c", "-m") else "python"

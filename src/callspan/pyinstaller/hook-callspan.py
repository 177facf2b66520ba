"""Name what PyInstaller does not find by itself: all that is imported late and by name."""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec

from PyInstaller.utils.hooks import collect_entry_point, collect_submodules, copy_metadata

from callspan.clients import CLIENTS
from callspan.export.collector import exporter_modules
from callspan.frameworks import INTEGRATIONS
from callspan.frameworks.native import NATIVES

# a bundle runs one program: it needs neither the demo nor the server of the tests
_NOT_NEEDED = (
    "callspan.bootstrap.sitecustomize",
    "callspan.demo",
    "callspan.modelserver",
    "callspan.pyinstaller",
    "callspan.testing",
)
_NO_PLUGINS = ("opentelemetry_configurator", "opentelemetry_distro", "opentelemetry_instrumentor")
"""Groups of entry points that only `opentelemetry-instrument` reads."""
_OWN_REQUIREMENTS = ("callspan", "opentelemetry-exporter-otlp", "protobuf", "tiktoken", "wrapt")


def _is_needed(module: str) -> bool:
    return not any(f"{module}.".startswith(f"{name}.") for name in _NOT_NEEDED)


def _optional_modules() -> list[str]:
    """Return the modules of extras and plugins that are installed."""
    # the extra `phones`, whose package is imported by name (`content/phones.py`)
    names = ["phonenumbers"]
    if find_spec("tiktoken_ext"):
        names += collect_submodules("tiktoken_ext")
    return [name for name in names if find_spec(name.partition(".")[0])]


def _packages() -> set[str]:
    """Return the packages whose versions are looked up while the program runs."""
    packages = {native.package for native in NATIVES}
    for client in CLIENTS:
        packages.add(client.load().package)
    for listing in INTEGRATIONS:
        integration = listing.load()
        packages |= {integration.package, *integration.packages}
    return packages.union(_OWN_REQUIREMENTS)


def _plugin_groups() -> list[str]:
    """Return the groups of entry points in which OpenTelemetry looks up its parts."""
    groups = metadata.entry_points().groups
    return [
        group
        for group in sorted(groups)
        if group.startswith("opentelemetry_") and group not in _NO_PLUGINS
    ]


# these two names are what PyInstaller reads of a hook
hiddenimports = collect_submodules("callspan", filter=_is_needed)
hiddenimports += exporter_modules()
hiddenimports += _optional_modules()
datas: list[tuple[str, str]] = []
for _group in _plugin_groups():
    _datas, _modules = collect_entry_point(_group)
    datas += _datas
    hiddenimports += _modules
for _package in sorted(_packages()):
    try:
        # by this a bundled program finds the version of a client
        datas += copy_metadata(_package)
    except metadata.PackageNotFoundError:
        continue

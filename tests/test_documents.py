"""The documents say what the code does, and lead where they say."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import REGISTRY
from tests.documents.pages import PAGES
from tests.documents.queries import prometheus_name
from tests.documents.site_links import outside_files, rewrite_links
from tests.documents.telemetry import metrics

import callspan
from callspan.semconv.conventions import COUNTER, HISTOGRAM, Metric

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
TEXTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
}
CODE = [
    pytest.param(code, id=f"{path}-{number}")
    for path, text in TEXTS.items()
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
]
_LINK = re.compile(r"\]\((?P<path>[^)#:\s]+)(?P<anchor>#[^)]*)?\)")


@pytest.mark.parametrize("path", PAGES)
def test_page_is_printed_from_the_code(path: str) -> None:
    assert TEXTS[path] == PAGES[path](), "write it again by `make docs`"


def test_names_in_prometheus_are_those_of_its_exporter() -> None:
    """The queries of docs/backends.md ask for what is served at /metrics."""
    provider = MeterProvider(metric_readers=[PrometheusMetricReader()], shutdown_on_exit=False)
    meter = provider.get_meter("documents")
    for metric in metrics().values():
        _record(meter, metric)
    served = {family.name for family in REGISTRY.collect()}
    provider.shutdown()
    names = {prometheus_name(metric).removesuffix("_total") for metric in metrics().values()}
    assert names - served == set()


def _record(meter: Meter, metric: Metric) -> None:
    if metric.kind == HISTOGRAM:
        meter.create_histogram(metric.name, metric.unit).record(1)
    elif metric.kind == COUNTER:
        meter.create_counter(metric.name, metric.unit).add(1)
    else:
        meter.create_up_down_counter(metric.name, metric.unit).add(1)


@pytest.mark.parametrize("code", CODE)
def test_code(code: str) -> None:
    """The code is Python, and every name of ours in it exists."""
    compile(code, "page", "exec")
    for name in re.findall(r"\bcallspan\.(\w+)", code):
        assert hasattr(callspan, name) or find_spec(f"callspan.{name}")


@pytest.mark.parametrize("page", TEXTS)
def test_links_lead_to_files_of_the_project(page: str) -> None:
    folder = posixpath.dirname(page)
    links = [link["path"] for link in _LINK.finditer(TEXTS[page])]
    missing = [link for link in links if not (ROOT / folder / link).exists()]
    assert missing == []


def nav_pages(entries: object) -> Iterator[str]:
    """Yield the paths in the navigation of the site."""
    if isinstance(entries, str):
        yield entries
    elif isinstance(entries, dict):
        yield from nav_pages([*entries.values()])
    elif isinstance(entries, list):
        for entry in entries:
            yield from nav_pages(entry)


def test_navigation_has_each_page() -> None:
    """A reader of the site finds each page, and those of the project that it takes along."""
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    pages = {*nav_pages(navigation)}
    files = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert {page for page in files - pages if not page.startswith("decisions/")} == set()
    assert pages - files <= {f"project/{path}" for path in outside_files()}


@pytest.mark.parametrize(
    ("page", "link", "rewritten"),
    [
        ("view.md", "[page](backends.md#jaeger)", "[page](backends.md#jaeger)"),
        ("view.md", "[file](../examples/marked.py)", "[file](project/examples/marked.py)"),
        ("start/script.md", "[it](../../SECURITY.md#a)", "[it](../project/SECURITY.md#a)"),
        ("project/SECURITY.md", "[it](docs/view.md)", "[it](../view.md)"),
        ("view.md", "[the source](../src/callspan)", "the source (`src/callspan`)"),
        ("view.md", "[web](https://example.org/a)", "[web](https://example.org/a)"),
        ("view.md", "[gone](../gone.md)", "[gone](../gone.md)"),
    ],
)
def test_links_of_the_site(page: str, link: str, rewritten: str) -> None:
    """A link leads to the same file in the site as in the project."""
    assert rewrite_links(link, page) == rewritten

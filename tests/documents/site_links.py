"""Hooks of MkDocs: the project's files outside of `docs` that its pages link are part of the site.

MkDocs knows the files below `docs` alone. These stand in the site below `project/`, and links to them lead there.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
FOLDER = "project/"
"""Where the files from outside of `docs` stand in the site."""
_LINK = re.compile(r"(?P<start>\[(?P<text>[^\]]*)\]\()(?P<path>[^)#:\s]+)(?P<rest>[^)]*\))")


def outside_files() -> Iterator[str]:
    """Yield the paths of the files outside of `docs` that the site has."""
    for path in sorted(ROOT.glob("*.md")):
        yield path.name
    yield "LICENSE"
    yield "collector-config.yaml"
    for path in sorted((ROOT / "examples").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(ROOT).as_posix()


def project_path(site_path: str) -> str:
    """Return the path of a page in the project, by its path in the site."""
    if site_path.startswith(FOLDER):
        return site_path.removeprefix(FOLDER)
    return f"docs/{site_path}"


def site_path(path: str) -> str:
    """Return the path of a file in the site, by its path in the project."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"{FOLDER}{path}"


def rewrite_links(markdown: str, page_path: str) -> str:
    """Return a page whose links to files of the project lead to those files in the site.

    Args:
        markdown: The text of the page.
        page_path: The path of the page in the site.
    """
    folder = posixpath.dirname(project_path(page_path))
    site_folder = posixpath.dirname(page_path)
    files = {*outside_files()}

    def rewrite(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, link["path"]))
        if path not in files and not path.startswith("docs/"):
            # a folder, or source, which the site does not have
            return f"{link['text']} (`{path}`)" if (ROOT / path).exists() else link[0]
        target = posixpath.relpath(site_path(path), site_folder or ".")
        return f"{link['start']}{target}{link['rest']}"

    return _LINK.sub(rewrite, markdown)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files from outside of `docs`."""
    from mkdocs.structure.files import File

    for path in outside_files():
        source = str(ROOT / path)
        files.append(File.generated(config, site_path(path), abs_src_path=source))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of one page."""
    return rewrite_links(markdown, page.file.src_uri)

"""Write what the documents have from the code: `python -m tests.documents`."""

from __future__ import annotations

from tests.documents.pages import PAGES, ROOT


def main() -> None:
    """Write each page of the reference."""
    for path, page in PAGES.items():
        (ROOT / path).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()

"""The former name of `python -m callspan.testing.modelserver`, which goes on working."""

from __future__ import annotations

import sys

from callspan.testing.modelserver.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

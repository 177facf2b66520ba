"""`python -m callspan`, where the command itself is not on PATH."""

import sys

from callspan.cli.entry import main

sys.exit(main())

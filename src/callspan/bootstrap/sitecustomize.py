"""Python imports this at its start when `callspan run` has put this folder on PYTHONPATH.

A program may start Pythons of any age, so this file is written for all of them.
"""

import os
import sys

if sys.version_info >= (3, 10):  # noqa: UP036  the children of a program may be older Pythons
    import callspan_start
    import callspan_switches
    import callspan_watch


def _next_sitecustomize():
    # The program must find sys.path, and the next sitecustomize, as if this folder were not there.
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [folder for folder in sys.path if not folder or os.path.abspath(folder) != here]
    this = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if "sitecustomize" not in str(error):
            raise
    finally:
        # Python's import of this very module is still under way, and ends by looking it up.
        sys.modules.setdefault("sitecustomize", this)


try:
    _next_sitecustomize()
finally:
    if sys.version_info >= (3, 10):  # noqa: UP036  see above
        callspan_start.start(callspan_watch.when_imported, callspan_switches.client_modules())
        callspan_start.share_table(callspan_switches.table_file())

"""Runs at the start of a bundle that has callspan in it, before the program's own code.

`callspan run` starts itself in a Python by PYTHONPATH, which a bundle does not read: it is done here.
"""


def _start() -> None:
    import os

    from callspan.bootstrap import callspan_switches

    # set by `callspan run` alone: any other start of the bundle is left as it is
    if os.environ.get(callspan_switches.CLIENT_MODULES):
        from callspan.bootstrap import callspan_start, callspan_watch

        callspan_start.start(callspan_watch.when_imported, callspan_switches.client_modules())


_start()
# the program's own code runs in this namespace (PyInstaller's `__main__`)
del _start

"""Variables by which `callspan run` speaks to the processes of the program.

They stand apart, so that the command does not import the modules of the program's processes.
"""

SERVICE_NAME = "CALLSPAN_RUN_SERVICE"
"""The variable with a service name for programs that set none."""
LINES = "CALLSPAN_RUN_LINES"
"""The variable with the lines that `callspan run` has printed, which are not logged again."""

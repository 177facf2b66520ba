"""The folder that `callspan run` puts on PYTHONPATH; its modules import nothing else of callspan until needed."""

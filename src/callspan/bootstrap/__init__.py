"""The folder that `callspan run` puts on PYTHONPATH.

Its modules import nothing else of callspan until that is needed.
"""

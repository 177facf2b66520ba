"""Functions and blocks of the app's own that are operations: workflows, agents and tools."""

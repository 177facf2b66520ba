"""Guard, threads, processes, context and patching, as any instrumentation needs them.

Nothing here knows of language models.
"""

"""What any instrumentation needs: guard, threads, processes, context, patching. Knows nothing of language models."""

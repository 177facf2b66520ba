"""Ollama's own wire formats."""

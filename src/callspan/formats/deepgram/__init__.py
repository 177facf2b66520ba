"""Deepgram's formats."""

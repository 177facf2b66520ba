"""Stores of memories, which agents keep; watched only where the settings name them."""

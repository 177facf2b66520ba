"""Voyage's formats."""

"""The narrowest places through which all calls of a family of clients pass."""

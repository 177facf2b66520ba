"""The settings, and how they are read from arguments and from the environment."""

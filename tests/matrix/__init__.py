"""The versions that callspan is tried with: old and new ones of each client, each in an environment of its own."""

"""Claude Agent SDK: its turns, and the calls and tools of the program that it runs."""

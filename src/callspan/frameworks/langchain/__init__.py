"""LangChain: its callback handlers, its messages and its token counter, on both sides of callspan."""

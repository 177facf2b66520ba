"""LangChain and LangGraph on both sides: runs feed observations, handlers hear clients, tokens are counted."""

"""LangChain and LangGraph: their runs feed observations, their handlers hear all clients."""

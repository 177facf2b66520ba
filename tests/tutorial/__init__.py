"""Programs with the imports of LangChain's early years, which langchain 0.3 still has, run unchanged."""

"""Stores of memories, which agents keep; watched only where the settings name them."""

from callspan.frameworks.memory_stores.langgraph_store import LANGGRAPH_STORE
from callspan.frameworks.memory_stores.mem0 import MEM0

MEMORY_STORES = (LANGGRAPH_STORE, MEM0)

"""Vector stores, whose searches are retrievals; watched only where the settings name them."""

from callspan.frameworks.vector_stores.chroma import CHROMA
from callspan.frameworks.vector_stores.lancedb import LANCEDB
from callspan.frameworks.vector_stores.milvus import MILVUS
from callspan.frameworks.vector_stores.pinecone import PINECONE
from callspan.frameworks.vector_stores.qdrant import QDRANT
from callspan.frameworks.vector_stores.weaviate import WEAVIATE

VECTOR_STORES = (CHROMA, QDRANT, PINECONE, WEAVIATE, LANCEDB, MILVUS)

"""Google's wire formats for Gemini and Vertex AI."""

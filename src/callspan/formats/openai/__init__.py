"""OpenAI's wire formats, which many providers speak."""

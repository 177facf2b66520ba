"""The format of xAI's client; its other API is OpenAI's."""

"""Writer's own formats; its chat is OpenAI's."""

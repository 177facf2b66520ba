"""watsonx's format of generated texts; its chat is OpenAI's."""

"""The wire formats that Mistral alone has."""

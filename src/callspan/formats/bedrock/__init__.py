"""The wire formats of Amazon Bedrock."""

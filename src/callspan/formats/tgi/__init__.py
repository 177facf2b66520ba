"""The wire formats of Text Generation Inference, which Hugging Face's client speaks."""

"""The requests and answers of models that run in the program by the package transformers."""

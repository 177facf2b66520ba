"""What tests of model calls need: a scripted model server."""

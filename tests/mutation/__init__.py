"""Small random changes of the code, to see whether a test fails for each."""

"""The test suites of clients and frameworks themselves, run without callspan and with it."""

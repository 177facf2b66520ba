# The chores of the project; CONTRIBUTING.md explains them.
PYTHON ?= .venv/bin/python
BIN = $(dir $(PYTHON))
FAST_TESTS = tests/test_layers.py tests/test_decisions.py tests/test_likeness_of_modules.py tests/test_reading.py \
	tests/test_import.py tests/test_settings.py tests/test_readme.py tests/test_documents.py tests/test_numbers.py \
	tests/test_handlers.py tests/test_budgets.py tests/test_retries.py

# its own notice, of which nobody here can do anything
SITE = NO_MKDOCS_2_WARNING=1 $(BIN)mkdocs build --strict --quiet

.PHONY: check test services bench docs

check:
	$(BIN)ruff check .
	$(BIN)ruff format --check .
	$(BIN)pyright --pythonpath $(PYTHON)
	$(BIN)pyright --pythonpath $(PYTHON) -p tests/typing
	CALLSPAN_SERVICES=skip $(PYTHON) -m pytest $(FAST_TESTS)
	$(SITE)

test:
	CALLSPAN_SERVICES=skip $(PYTHON) -m pytest -n auto --dist worksteal

services:
	tests/services/build.sh
	CALLSPAN_SERVICES=required $(PYTHON) -m pytest tests/services

bench:
	$(PYTHON) -m tests.benchmarks --short

docs:
	$(PYTHON) -m tests.documents
	$(SITE)

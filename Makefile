.PHONY: test lint figures benchmark

test:
	pytest

lint:
	ruff check .
	ruff format --check .
	mypy

figures:
	python -m experiments.reproduce

benchmark:
	python -m experiments.benchmark

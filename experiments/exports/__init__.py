"""A study for other tools: DataFrames, databases, and the formats of benchmarking suites."""

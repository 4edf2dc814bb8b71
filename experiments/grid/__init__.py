"""What is asked for -> runs that are done: axes, cells, shards, batches, workers, failures, forecast."""

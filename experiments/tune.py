"""Tune with a fair budget: the run command with trials drawn from the search spaces."""

from experiments.app import command
from experiments.run import run

main = command("tune", run)

if __name__ == "__main__":
    main()

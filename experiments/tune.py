"""Tune with a fair budget: the run command with trials drawn from the search spaces."""

from experiments.command_line.command import command
from experiments.run import run

main = command("tune", run)

if __name__ == "__main__":
    main()

"""``python -m experiments.run`` where there is one problem more: problem=rosenbrock problem.name=troubled."""

from troubled import run

from experiments.command_line.command import command

main = command("config", run)

if __name__ == "__main__":
    main()

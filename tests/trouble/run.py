"""``python -m experiments.run`` where there is one problem more: problem=rosenbrock problem.name=troubled."""

import troubled

from experiments.run import main

assert troubled.Troubled.name == "troubled"  # here and, since they run this file too, in worker processes

if __name__ == "__main__":
    main()

"""The contracts of optimizers, schedules and problems: this project's tests of its own, and of anyone's."""

"""A Hydra launcher that runs the jobs of a sweep in processes on all cores of this machine."""

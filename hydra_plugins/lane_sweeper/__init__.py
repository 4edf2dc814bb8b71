"""A Hydra sweeper that keeps sweeps over seeds and hyperparameters inside a job."""

"""A Hydra plugin that lets the YAML files of parts from outside be found."""

"""Which parts from outside this process has."""

from __future__ import annotations

from experiments.plugins.layout import Place

PLACES: list[Place] = []
"""The folders whose parts are in the registries now, in the order in which they were entered."""

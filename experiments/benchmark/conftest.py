"""Leaves the peers' modules alone where their libraries are not installed."""

from importlib.util import find_spec

PEERS = {"torch_peers.py": ["torch"], "optax_peers.py": ["jax", "optax"], "torch_network.py": ["torch"]}
collect_ignore = [file for file, needs in PEERS.items() if not all(map(find_spec, needs))]

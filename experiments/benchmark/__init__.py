"""Speed and memory of this engine against its peers: python -m experiments.benchmark.

Reading order: case.py (what is measured), the contestants (engine.py, article_loop.py,
torch_peers.py, optax_peers.py, on the objectives of objectives.py), worker.py (one
contestant in a process of its own), measure.py (all of them in turn), summary.py.
"""

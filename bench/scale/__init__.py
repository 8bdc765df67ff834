"""What the control plane costs as the pool grows: `python -m bench.scale`. Paced workers stand in for GPUs.

`meter` counts processor time and commits of each part, `run` is the load, and docs/scale.md draws the sums.
"""

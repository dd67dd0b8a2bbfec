"""Ours beside its peers and the machine: each workload in interleaved rounds, in separate environments."""

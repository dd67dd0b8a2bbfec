"""Agents: what runs a prompt, one module per kind."""

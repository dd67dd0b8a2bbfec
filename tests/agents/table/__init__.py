"""The table of what is recorded of each kind of agent."""

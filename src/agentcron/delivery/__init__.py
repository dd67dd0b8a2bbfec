"""Where results and alarms go."""

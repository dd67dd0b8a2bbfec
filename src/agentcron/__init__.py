"""Cron for AI agents."""

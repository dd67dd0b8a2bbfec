"""The pure calendar: when is a job due? It reads no clock and knows nothing of jobs."""

from agentcron.schedule.cron import CronSchedule
from agentcron.schedule.durations import format_duration, parse_duration
from agentcron.schedule.instants import on_clock, parse_instant
from agentcron.schedule.kinds import EverySchedule, OnceSchedule, Schedule, parse_schedule
from agentcron.schedule.transitions import zone

__all__ = [
    "CronSchedule",
    "EverySchedule",
    "OnceSchedule",
    "Schedule",
    "format_duration",
    "on_clock",
    "parse_duration",
    "parse_instant",
    "parse_schedule",
    "zone",
]

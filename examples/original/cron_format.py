"""CRON expression format: five fields, read in the job's time zone.

::

    ┌───────────── minute (0-59)
    │ ┌───────────── hour (0-23)
    │ │ ┌───────────── day of month (1-31)
    │ │ │ ┌───────────── month (1-12)
    │ │ │ │ ┌───────────── day of week (0-7, Sunday = 0 or 7)
    * * * * *
"""

from datetime import UTC, datetime

from agentcron import CronSchedule, InvalidScheduleError

COMMON = ("0 9 * * *", "*/15 * * * *", "0 */2 * * *", "0 9 * * 1", "0 9 1 * *", "0 9 1 1 *")

for expression in COMMON:
    schedule = CronSchedule(expression, "Europe/Berlin")
    following = schedule.next_after(datetime(2026, 3, 1, tzinfo=UTC))
    print(f"{expression:14} {schedule.describe():50} next {following}")

print("Sunday is 0 or 7:", CronSchedule("0 9 * * 0").describe() == CronSchedule("0 9 * * 7").describe())
for expression in ("60 * * * *", "0 9 30 2 *", "daily"):
    try:
        CronSchedule(expression)
    except InvalidScheduleError as error:
        print(f"{expression!r} is refused: {error}")

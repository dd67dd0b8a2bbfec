-- The planner is asked what follows: see job_settled.
UPDATE jobs SET next_run = ?, revision = revision + 1 WHERE seq = ? AND next_run IS NULL

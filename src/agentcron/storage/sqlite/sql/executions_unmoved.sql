-- Of runs that were claimed once: how many run still, of which jobs in sum, of how many the job has nothing else open and
-- a next run, and of how many it has nothing else open and none (see jobs_succeeded_last).
SELECT
  count(*),
  coalesce(sum(e.job), 0),
  coalesce(sum(j.open = 1 AND (j.state <> 'ACTIVE' OR (j.next_run IS NOT NULL AND j.next_slot IS NOT NULL))), 0),
  coalesce(sum(j.open = 1 AND j.state = 'ACTIVE' AND (j.next_run IS NULL OR j.next_slot IS NULL)), 0)
FROM json_each(?)
CROSS JOIN executions AS e ON e.seq = json_each.value
CROSS JOIN jobs AS j ON j.seq = e.job
WHERE e.status = 'RUNNING' AND e.fence = 1

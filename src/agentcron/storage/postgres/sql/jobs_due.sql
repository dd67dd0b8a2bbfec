-- The first columns of job_rows: what a plan is made from. The sums of a job are as many again.
SELECT
  seq, id, version, revision, state, state_reason, next_slot, next_run, last_run, open, running, runs, streak, created,
  made_by
FROM job_rows
WHERE next_run <= %(now)s
ORDER BY next_run, seq
LIMIT %(limit)s

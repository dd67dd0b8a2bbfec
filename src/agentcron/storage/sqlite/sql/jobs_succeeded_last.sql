-- As jobs_succeeded, of jobs without a next run: what follows is for the planner to tell, or nothing follows. See
-- job_settled.
UPDATE jobs SET
  open = open - 1,
  running = running - 1,
  runs = runs + given.column1,
  streak = 0,
  success = success + 1,
  tokens = tokens + given.column2,
  cost = cost + given.column3,
  duration = duration + given.column4,
  state = iif(next_slot IS NULL AND open = 1, 'COMPLETED', state),
  next_run = iif(next_slot IS NULL AND open = 1, NULL, coalesce(next_run, given.column5)),
  revision = revision + (next_run IS NULL OR (next_slot IS NULL AND open = 1))
FROM (VALUES (?, ?, ?, ?, ?, ?)) AS given
WHERE jobs.seq = given.column6

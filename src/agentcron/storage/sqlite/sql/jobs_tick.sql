UPDATE jobs SET
  revision = given.column1,
  next_slot = nullif(given.column2, ''),
  next_run = nullif(given.column3, ''),
  open = open + 1,
  running = running + given.column4,
  last_run = iif(given.column4, given.column5, last_run)
FROM (VALUES (?, ?, ?, ?, ?, ?)) AS given
WHERE jobs.seq = given.column6

UPDATE jobs SET
  open = open - 1,
  running = running - 1,
  runs = runs + given.column1,
  streak = 0,
  success = success + 1,
  tokens = tokens + given.column2,
  cost = cost + given.column3,
  duration = duration + given.column4
FROM (VALUES (?, ?, ?, ?, ?)) AS given
WHERE jobs.seq = given.column5

UPDATE jobs SET
  open = open - 1,
  running = running - 1,
  runs = runs + ?,
  streak = 0,
  success = success + 1,
  tokens = tokens + ?,
  cost = cost + ?,
  duration = duration + ?
WHERE seq = ?

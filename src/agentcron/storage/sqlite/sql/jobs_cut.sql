UPDATE jobs SET
  open = open - 1,
  running = running - 1,
  runs = runs + ?,
  incomplete = incomplete + 1,
  duration = duration + ?
WHERE seq = ?

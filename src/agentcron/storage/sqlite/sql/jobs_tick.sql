UPDATE jobs SET
  revision = ?1,
  next_slot = ?2,
  next_run = ?3,
  open = open + 1,
  running = running + ?4,
  last_run = iif(?4, ?5, last_run)
WHERE seq = ?6

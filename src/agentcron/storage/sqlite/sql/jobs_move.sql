-- Where nothing is open any more that would ask for a look later, the job is due at once: see job_update.
UPDATE jobs SET
  revision = ?1,
  state = ?4,
  state_reason = ?5,
  next_slot = ?2,
  next_run = iif(?4 = 'ACTIVE' AND ?3 IS NULL AND open = 0, ?6, ?3)
WHERE seq = ?7

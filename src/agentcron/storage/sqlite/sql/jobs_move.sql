-- Where nothing is open any more that would ask for a look later, the job is due at once: see job_update.
UPDATE jobs SET
  revision = ?1,
  state = ?2,
  state_reason = ?3,
  next_slot = ?4,
  next_run = iif(?2 = 'ACTIVE' AND ?5 IS NULL AND open = 0, ?6, ?5)
WHERE seq = ?7

UPDATE executions SET
  status = 'INCOMPLETE',
  reason = ?,
  wake_at = NULL,
  lane = NULL,
  ended_at = ?,
  process = NULL,
  error = ?
WHERE seq = ?

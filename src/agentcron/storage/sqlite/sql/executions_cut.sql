UPDATE executions SET
  status = 'INCOMPLETE',
  reason = ?,
  wake_at = NULL,
  lane = NULL,
  ended_at = ?,
  agent_id = coalesce(?, agent_id),
  process = NULL,
  error = ?
WHERE seq = ?

UPDATE executions SET
  status = 'SUCCESS',
  reason = NULL,
  wake_at = NULL,
  lane = NULL,
  ended_at = ?,
  agent_id = coalesce(?, agent_id),
  process = NULL,
  usage = ?,
  cost = ?,
  cost_basis = ?,
  error = NULL
WHERE seq = ?

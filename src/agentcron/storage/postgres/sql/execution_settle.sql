UPDATE executions SET
  status = %(status)s,
  reason = %(reason)s,
  wake_at = %(wake_at)s,
  owner = coalesce(%(owner)s, CASE WHEN %(ended)s THEN owner END),
  lane = CASE WHEN %(ended)s THEN NULL ELSE lane END,
  attempt = %(attempt)s,
  retries = %(retries)s,
  ended_at = %(ended_at)s,
  agent_id = coalesce(%(agent_id)s, agent_id),
  process = NULL,
  usage = %(usage)s,
  cost = %(cost)s,
  cost_basis = %(cost_basis)s,
  error = %(error)s
WHERE seq = %(seq)s

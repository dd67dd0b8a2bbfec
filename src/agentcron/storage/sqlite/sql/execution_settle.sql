UPDATE executions SET
  status = :status,
  reason = :reason,
  wake_at = :wake_at,
  owner = coalesce(:owner, iif(:ended, owner, NULL)),
  lane = iif(:ended, NULL, lane),
  attempt = :attempt,
  retries = :retries,
  ended_at = :ended_at,
  agent_id = coalesce(:agent_id, agent_id),
  process = NULL,
  usage = :usage,
  cost = :cost,
  cost_basis = :cost_basis,
  error = :error
WHERE seq = :seq

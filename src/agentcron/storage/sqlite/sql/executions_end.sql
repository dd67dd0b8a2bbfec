UPDATE executions SET
  status = 'SUCCESS',
  reason = NULL,
  wake_at = NULL,
  lane = NULL,
  ended_at = given.column1,
  agent_id = coalesce(given.column2, agent_id),
  process = NULL,
  usage = given.column3,
  cost = given.column4,
  cost_basis = given.column5,
  error = NULL
FROM (VALUES (?, ?, ?, ?, ?, ?)) AS given
WHERE executions.seq = given.column6

UPDATE executions SET
  status = 'SUCCESS',
  reason = NULL,
  wake_at = NULL,
  lane = NULL,
  ended_at = given.column1,
  agent_id = coalesce(given.column2, agent_id),
  process = NULL,
  usage = nullif(given.column3, ''),
  cost = nullif(given.column4, ''),
  cost_basis = nullif(given.column5, ''),
  error = NULL
FROM (VALUES (?, ?, ?, ?, ?, ?)) AS given
WHERE executions.seq = given.column6

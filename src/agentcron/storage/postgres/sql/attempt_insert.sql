INSERT INTO attempts (execution, attempt, status, reason, started_at, ended_at, agent_id, usage, cost, error)
VALUES (
  %(execution)s, %(attempt)s, %(status)s, %(reason)s, %(started_at)s, %(ended_at)s, %(agent_id)s, %(usage)s, %(cost)s,
  %(error)s
)
ON CONFLICT (execution, attempt) DO UPDATE SET
  status = excluded.status, reason = excluded.reason, started_at = excluded.started_at, ended_at = excluded.ended_at,
  agent_id = excluded.agent_id, usage = excluded.usage, cost = excluded.cost, error = excluded.error

INSERT INTO executions (
  seq, id, job, version, at, last_at, slots, manual, status, reason, wake_at, priority, lane, owner, fence, attempt,
  retries, begun, cancel_at, started_at, ended_at, agent, agent_id, usage, cost, cost_basis, error, findings
)
VALUES (
  %(seq)s, %(id)s, %(job)s, %(version)s,
  CASE
    WHEN NOT EXISTS (SELECT 1 FROM executions WHERE job = %(job)s AND at = %(at)s) THEN %(at)s
    ELSE (
      SELECT free FROM generate_series(%(at)s::bigint + 1, %(at)s::bigint + 10000) AS free
      WHERE NOT EXISTS (SELECT 1 FROM executions AS e WHERE e.job = %(job)s AND e.at = free)
      ORDER BY free LIMIT 1
    )
  END,
  %(last_at)s, %(slots)s, %(manual)s, %(status)s, %(reason)s, %(wake_at)s, %(priority)s, %(lane)s, %(owner)s,
  %(fence)s, %(attempt)s, %(retries)s, %(begun)s, %(cancel_at)s, %(started_at)s, %(ended_at)s, %(agent)s,
  %(agent_id)s, %(usage)s, %(cost)s, %(cost_basis)s, %(error)s, %(findings)s
)

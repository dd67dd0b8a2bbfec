INSERT INTO executions (
  id, version, at, priority, lane, attempt, agent, wake_at, owner, started_at, job, seq, status, fence, begun
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'RUNNING', 1, 1)

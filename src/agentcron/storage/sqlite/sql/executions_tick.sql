INSERT INTO executions (
  id, job, version, at, priority, lane, attempt, agent, status, wake_at, owner, fence, begun, started_at
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

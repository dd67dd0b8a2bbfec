INSERT INTO executions (
  id, version, at, priority, lane, attempt, agent, status, wake_at, owner, fence, begun, started_at, job
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

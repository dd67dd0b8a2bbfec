INSERT INTO executions (id, version, at, priority, lane, attempt, agent, wake_at, job, seq, status)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'PENDING')

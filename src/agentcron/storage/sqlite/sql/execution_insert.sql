-- Behind an open row of its lane a row waits for that one to end; settling it pulls the next one forward. Without
-- this every claim would look through all the rows that cannot start yet.
INSERT INTO executions (
  id, job, version, at, last_at, slots, manual, status, reason, wake_at, priority, lane, attempt, ended_at, agent
)
VALUES (
  :id, :job, :version, :at, :last_at, :slots, :manual, :status, :reason,
  CASE
    WHEN :lane IS NOT NULL AND (
      EXISTS (SELECT 1 FROM executions WHERE lane = :lane AND status = 'PENDING')
      OR EXISTS (SELECT 1 FROM executions WHERE lane = :lane AND status = 'RUNNING')
    ) THEN :behind
    ELSE :wake_at
  END,
  :priority, :lane, :attempt, :ended_at, :agent
)

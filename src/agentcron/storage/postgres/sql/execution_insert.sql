-- Behind an open row of its lane a row waits for that one to end; settling it pulls the next one forward. Without
-- this every claim would look through all the rows that cannot start yet.
INSERT INTO executions (
  id, job, version, at, last_at, slots, manual, status, reason, wake_at, priority, lane, attempt, ended_at, agent
)
VALUES (
  %(id)s, %(job)s, %(version)s, %(at)s, %(last_at)s, %(slots)s, %(manual)s, %(status)s, %(reason)s,
  CASE
    WHEN %(lane)s::text IS NOT NULL AND EXISTS (
      SELECT 1 FROM executions WHERE lane = %(lane)s AND status IN ('PENDING', 'RUNNING')
    ) THEN %(behind)s::bigint
    ELSE %(wake_at)s::bigint
  END,
  %(priority)s, %(lane)s, %(attempt)s, %(ended_at)s, %(agent)s
)

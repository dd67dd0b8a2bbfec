-- The index is ordered by priority first: of each of them, few as they are, only the first entry is read. A plain
-- min(wake_at) would read every row that waits at each look.
WITH RECURSIVE waiting (priority) AS (
  SELECT min(priority) FROM executions WHERE status = 'PENDING'
  UNION ALL
  SELECT (SELECT min(e.priority) FROM executions AS e WHERE e.status = 'PENDING' AND e.priority > waiting.priority)
  FROM waiting
  WHERE waiting.priority IS NOT NULL
)
SELECT min((
  SELECT e.wake_at FROM executions AS e
  WHERE e.status = 'PENDING' AND e.priority = waiting.priority AND e.cancel_at IS NULL
  ORDER BY e.wake_at LIMIT 1
))
FROM waiting
WHERE priority IS NOT NULL

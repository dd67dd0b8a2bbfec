-- The index is ordered by priority first: of each of them, few as they are, only the first entry is read. A plain
-- min(wake_at) would read every row that waits at each look.
WITH RECURSIVE waiting (priority) AS (
  SELECT min(priority) FROM executions WHERE status = 'PENDING'
  UNION ALL
  SELECT (
    SELECT min(priority) FROM executions
    WHERE status = 'PENDING' AND priority > waiting.priority
  )
  FROM waiting
  WHERE waiting.priority IS NOT NULL
)
SELECT min((
  SELECT wake_at FROM executions
  WHERE status = 'PENDING' AND priority = waiting.priority AND cancel_at IS NULL
  ORDER BY wake_at LIMIT 1
))
FROM waiting
WHERE priority IS NOT NULL

SELECT * FROM execution_rows
WHERE wake_at IS NOT NULL AND (
  (status = 'RUNNING' AND (wake_at < %(now)s OR owner = ANY(%(gone)s::text[])))
  OR (status IN ('PENDING', 'AWAITING_INPUT') AND cancel_at IS NOT NULL)
  OR (status = 'AWAITING_INPUT' AND wake_at < %(now)s)
)
ORDER BY seq LIMIT %(limit)s

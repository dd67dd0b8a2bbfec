-- The statuses are named once more in front: without that SQLite goes through the whole history at every look.
SELECT * FROM execution_rows
WHERE wake_at IS NOT NULL AND status IN ('PENDING', 'RUNNING', 'AWAITING_INPUT') AND (
  (status = 'RUNNING' AND (wake_at < :now OR owner IN (SELECT value FROM json_each(:gone))))
  OR (status IN ('PENDING', 'AWAITING_INPUT') AND cancel_at IS NOT NULL)
  OR (status = 'AWAITING_INPUT' AND wake_at < :now)
)
ORDER BY seq LIMIT :limit

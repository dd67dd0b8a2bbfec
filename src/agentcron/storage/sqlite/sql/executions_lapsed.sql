-- The statuses are named once more in front: without that SQLite goes through the whole history at every look.
SELECT * FROM execution_rows
WHERE (status = 'PENDING' OR status = 'RUNNING' OR status = 'AWAITING_INPUT') AND (
  (status = 'RUNNING' AND (wake_at < :now OR owner IN (SELECT value FROM json_each(:gone))))
  OR (status <> 'RUNNING' AND cancel_at IS NOT NULL)
  OR (status = 'AWAITING_INPUT' AND wake_at < :now)
)
ORDER BY seq LIMIT :limit

-- Ids begin with the time of their making, so their index finds what is recent.
SELECT * FROM execution_rows
WHERE begun AND started_at < %(end)s AND (
  (id >= %(made)s AND ended_at >= %(start)s) OR (wake_at IS NOT NULL AND status = 'RUNNING')
)
ORDER BY started_at DESC LIMIT %(limit)s

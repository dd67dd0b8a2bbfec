-- Ids begin with the time of their making, so their index finds what is recent; what runs is found by its wake_at.
SELECT * FROM execution_rows
WHERE begun = 1 AND started_at < :end AND (
  (id >= :made AND ended_at >= :start) OR (wake_at IS NOT NULL AND status = 'RUNNING')
)
ORDER BY started_at DESC LIMIT :limit

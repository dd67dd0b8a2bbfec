-- Ids begin with the time of their making, so their index walks from the newest on and stops at the limit; what runs is
-- found by its wake_at, however long ago it was made.
SELECT * FROM (
  SELECT * FROM execution_rows
  WHERE id >= :made AND id < :until AND begun = 1 AND started_at < :end AND ended_at >= :start
  ORDER BY id DESC LIMIT :limit
)
UNION ALL
SELECT * FROM execution_rows WHERE status = 'RUNNING' AND begun = 1 AND started_at < :end

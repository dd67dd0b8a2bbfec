-- What a claim would find, without taking it.
SELECT r.* FROM execution_rows AS r
WHERE r.status = 'PENDING' AND r.wake_at <= %(now)s AND r.cancel_at IS NULL
  AND (
    r.lane IS NULL OR NOT EXISTS (
      SELECT 1 FROM executions AS b
      WHERE b.lane = r.lane AND b.seq < r.seq AND b.status IN ('PENDING', 'RUNNING')
    )
  )
  AND (r.lane IS NULL OR NOT EXISTS (SELECT 1 FROM executions AS b WHERE b.lane = r.lane AND b.status = 'RUNNING'))
  AND NOT EXISTS (SELECT 1 FROM holds AS h WHERE h.agent = r.agent AND h.until > %(now)s)
ORDER BY r.priority, r.wake_at, r.seq
LIMIT %(limit)s

-- Only the first row of a lane may start: (lane, seq) finds the one before it in one step. Rows that another node is
-- about to claim are passed over, so that nodes share the line instead of waiting for each other.
SELECT r.seq FROM executions AS r
WHERE r.status = 'PENDING' AND r.wake_at <= %(now)s AND r.cancel_at IS NULL
  AND (
    r.lane IS NULL OR NOT EXISTS (
      SELECT 1 FROM executions AS b
      WHERE b.lane = r.lane AND b.seq < r.seq AND b.status IN ('PENDING', 'RUNNING')
    )
  )
  AND (r.lane IS NULL OR NOT EXISTS (SELECT 1 FROM executions AS b WHERE b.lane = r.lane AND b.status = 'RUNNING'))
  AND NOT EXISTS (SELECT 1 FROM holds AS h WHERE h.agent = r.agent AND h.until > %(now)s)
  AND (
    %(full)s::text[] = '{}' OR NOT EXISTS (
      SELECT 1 FROM job_versions AS v
      WHERE v.job = r.job AND v.version = r.version
        AND replace(v.spec, '\u0000', '\ufffd')::jsonb ->> 'queue' = ANY(%(full)s::text[])
    )
  )
ORDER BY r.priority, r.wake_at, r.seq
LIMIT %(limit)s
FOR UPDATE OF r SKIP LOCKED

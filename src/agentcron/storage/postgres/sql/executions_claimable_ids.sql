-- Who names rows has chosen the order: they pass others that wait in their lane, never one that runs, and of those
-- named one of a lane at a time.
SELECT r.seq FROM executions AS r
WHERE r.status = 'PENDING' AND r.cancel_at IS NULL AND (NOT r.begun OR r.wake_at <= %(now)s)
  AND r.id = ANY(%(ids)s::text[])
  AND (
    r.lane IS NULL OR NOT EXISTS (
      SELECT 1 FROM executions AS b
      WHERE b.lane = r.lane AND (
        b.status = 'RUNNING' OR (b.seq < r.seq AND b.status = 'PENDING' AND b.id = ANY(%(ids)s::text[]))
      )
    )
  )
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

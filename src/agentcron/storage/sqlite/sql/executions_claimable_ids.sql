-- Who names rows has chosen the order: they pass others that wait in their lane, never one that runs, and of those
-- named one of a lane at a time.
SELECT r.* FROM execution_rows AS r
WHERE r.status = 'PENDING' AND r.cancel_at IS NULL AND r.begun * (r.wake_at > :now) = 0
  AND r.id IN (SELECT value FROM json_each(:ids))
  AND (
    r.lane IS NULL OR NOT EXISTS (
      SELECT 1 FROM executions AS b
      WHERE b.lane = r.lane AND (
        b.status = 'RUNNING'
        OR (b.seq < r.seq AND b.status = 'PENDING' AND b.id IN (SELECT value FROM json_each(:ids)))
      )
    )
  )
  AND NOT EXISTS (SELECT 1 FROM holds AS h WHERE h.agent = r.agent AND h.until > :now)
  AND (
    :full = '[]' OR NOT EXISTS (
      SELECT 1 FROM job_versions AS v
      WHERE v.job = r.job AND v.version = r.version
        AND json_extract(v.spec, '$.queue') IN (SELECT value FROM json_each(:full))
    )
  )
ORDER BY r.priority, r.wake_at
LIMIT :limit

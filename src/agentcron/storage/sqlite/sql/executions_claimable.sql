-- Only the first row of a lane may start: (lane, seq) finds the one before it in one step.
SELECT r.* FROM execution_rows AS r
WHERE r.status = 'PENDING' AND r.wake_at <= :now AND r.cancel_at IS NULL
  AND (
    r.lane IS NULL OR NOT EXISTS (
      SELECT 1 FROM executions AS b
      WHERE b.lane = r.lane AND b.seq < r.seq AND b.status = 'PENDING'
    )
  )
  AND (r.lane IS NULL OR NOT EXISTS (SELECT 1 FROM executions AS b WHERE b.lane = r.lane AND b.status = 'RUNNING'))
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

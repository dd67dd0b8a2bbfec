-- A manual run that was asked for at the very instant of the slot moves on: the slot would never get its row.
UPDATE executions SET at = (
  SELECT free FROM generate_series(%(at)s::bigint, %(at)s::bigint + 10000) AS free
  WHERE NOT EXISTS (SELECT 1 FROM executions AS e WHERE e.job = %(job)s AND e.at = free)
  ORDER BY free LIMIT 1
)
WHERE job = %(job)s AND at = %(at)s AND manual

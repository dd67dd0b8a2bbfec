-- A manual run stands at its own instant, beside a slot that may be the very same one.
SELECT free FROM generate_series(%(at)s::bigint, %(at)s::bigint + 10000) AS free
WHERE free IS DISTINCT FROM %(following)s::bigint
  AND NOT EXISTS (SELECT 1 FROM executions WHERE job = %(job)s AND at = free)
ORDER BY free LIMIT 1

SELECT
  e.seq,
  e.ended_at IS NOT NULL AND (
    SELECT count(*) FROM (SELECT 1 FROM executions AS n WHERE n.job = e.job AND n.at > e.at LIMIT %(keep_last)s) AS newer
  ) = %(keep_last)s,
  (SELECT coalesce(sum(t.stored), 0)::bigint FROM texts AS t WHERE t.execution = e.seq)
FROM executions AS e WHERE e.seq > %(after)s ORDER BY e.seq LIMIT %(limit)s

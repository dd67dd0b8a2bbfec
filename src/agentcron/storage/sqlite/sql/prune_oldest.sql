SELECT
  e.seq,
  e.ended_at IS NOT NULL AND (
    SELECT count(*) FROM (SELECT 1 FROM executions AS n WHERE n.job = e.job AND n.at > e.at LIMIT :keep_last)
  ) = :keep_last,
  (SELECT coalesce(sum(length(t.body)), 0) FROM texts AS t WHERE t.execution = e.seq)
FROM executions AS e WHERE e.seq > :after ORDER BY e.seq LIMIT :limit

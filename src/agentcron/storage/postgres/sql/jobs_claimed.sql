UPDATE jobs AS j SET
  running = running + c.claimed,
  last_run = CASE WHEN c.begins THEN %(now)s ELSE last_run END
FROM (
  SELECT job, count(*) AS claimed, bool_or(begins) AS begins
  FROM unnest(%(jobs)s::bigint[], %(begins)s::boolean[]) AS t (job, begins)
  GROUP BY job
) AS c
WHERE j.seq = c.job

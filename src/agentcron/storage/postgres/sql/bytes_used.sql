SELECT
  (SELECT coalesce(sum(stored), 0)::bigint FROM texts)
  + %(row)s * ((SELECT count(*) FROM executions) + (SELECT count(*) FROM jobs))

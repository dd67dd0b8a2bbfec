-- One short walk of the index for each job, never the history.
SELECT r.* FROM jobs AS j
CROSS JOIN LATERAL (
  SELECT e.seq FROM executions AS e WHERE e.job = j.seq AND e.begun ORDER BY e.at DESC LIMIT %(limit)s
) AS latest
JOIN execution_rows AS r ON r.seq = latest.seq
WHERE j.id = ANY(%(ids)s::text[])
ORDER BY r.job, r.at DESC

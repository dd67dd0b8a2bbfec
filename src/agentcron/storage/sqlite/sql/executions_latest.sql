-- One short walk of the index for each job, never the history.
SELECT r.* FROM json_each(:ids) AS wanted
JOIN jobs AS j ON j.id = wanted.value
JOIN execution_rows AS r ON r.seq IN (
  SELECT e.seq FROM executions AS e WHERE e.job = j.seq AND e.begun = 1 ORDER BY e.at DESC LIMIT :limit
)
ORDER BY r.job, r.at DESC

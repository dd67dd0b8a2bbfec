SELECT e.at / 900000000 AS quarter, e.status, sum(e.slots)
FROM executions AS e JOIN jobs AS j ON j.seq = e.job
WHERE j.id = :id AND e.at >= :since
GROUP BY 1, 2

SELECT e.at / 900000000, e.status, sum(e.slots)::bigint
FROM executions AS e JOIN jobs AS j ON j.seq = e.job
WHERE j.id = %(id)s AND e.at >= %(since)s
GROUP BY 1, 2 ORDER BY 1, 2

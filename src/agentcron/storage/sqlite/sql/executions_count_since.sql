SELECT status, sum(slots) FROM executions
WHERE id >= :made AND ended_at >= :since
GROUP BY status

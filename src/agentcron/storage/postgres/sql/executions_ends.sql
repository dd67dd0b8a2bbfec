SELECT status FROM executions
WHERE job = %(job)s AND begun AND ended_at IS NOT NULL AND reason IS DISTINCT FROM 'canceled'
ORDER BY at DESC LIMIT %(most)s

SELECT seq FROM executions
WHERE job = %(job)s AND at < %(before)s AND ended_at IS NOT NULL AND (ended_at < %(cutoff)s OR at < %(over)s)
ORDER BY at LIMIT %(limit)s

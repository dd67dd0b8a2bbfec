SELECT seq FROM executions
WHERE job = :job AND at < :before AND ended_at IS NOT NULL AND (ended_at < :cutoff OR at < :over)
ORDER BY at LIMIT :limit

SELECT id, seq, job, fence, status FROM executions
WHERE id = ANY(%(ids)s::text[]) AND ended_at IS NULL
ORDER BY seq FOR NO KEY UPDATE

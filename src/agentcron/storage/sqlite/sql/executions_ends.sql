SELECT status FROM executions
WHERE job = :job AND begun = 1 AND ended_at IS NOT NULL AND reason IS NOT 'canceled'
ORDER BY at DESC LIMIT :most

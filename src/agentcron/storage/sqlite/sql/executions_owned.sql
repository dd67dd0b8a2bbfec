SELECT id, fence, cancel_at IS NOT NULL FROM executions
WHERE status = 'RUNNING' AND owner = :owner

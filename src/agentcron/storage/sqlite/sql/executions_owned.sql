SELECT id, fence, cancel_at IS NOT NULL FROM executions
WHERE status = 'RUNNING' AND wake_at IS NOT NULL AND owner = :owner

UPDATE executions SET wake_at = :wake_at
WHERE id = :id AND fence = :fence AND status = 'RUNNING'

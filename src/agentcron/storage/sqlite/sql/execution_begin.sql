UPDATE executions SET begun = 1, started_at = :now
WHERE id = :id AND fence = :fence AND status = 'RUNNING' AND cancel_at IS NULL

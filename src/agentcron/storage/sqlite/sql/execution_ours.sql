SELECT 1 FROM executions WHERE id = :id AND fence = :fence AND status = 'RUNNING' AND cancel_at IS NULL

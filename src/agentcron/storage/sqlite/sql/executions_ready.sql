SELECT 1 FROM executions WHERE status = 'PENDING' AND wake_at <= ? AND cancel_at IS NULL LIMIT 1

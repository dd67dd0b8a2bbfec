SELECT min(wake_at) FROM executions WHERE status = 'PENDING' AND wake_at IS NOT NULL AND cancel_at IS NULL

SELECT DISTINCT owner FROM executions WHERE status = 'RUNNING' AND wake_at IS NOT NULL

SELECT status, count(*) FROM executions WHERE wake_at IS NOT NULL GROUP BY 1

SELECT status, count(*) FROM executions
WHERE wake_at IS NOT NULL AND status IN ('PENDING', 'RUNNING', 'AWAITING_INPUT') GROUP BY 1

SELECT 'PENDING' AS status, count(*) FROM executions WHERE status = 'PENDING'
UNION ALL SELECT 'RUNNING', count(*) FROM executions WHERE status = 'RUNNING'
UNION ALL SELECT 'AWAITING_INPUT', count(*) FROM executions WHERE status = 'AWAITING_INPUT'

SELECT DISTINCT owner FROM executions WHERE status = 'RUNNING'

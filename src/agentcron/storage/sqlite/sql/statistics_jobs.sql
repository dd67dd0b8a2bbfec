SELECT iif(state = 'ACTIVE', iif(running > 0, 'RUNNING', 'WAITING'), state) AS status, count(*) FROM jobs GROUP BY 1

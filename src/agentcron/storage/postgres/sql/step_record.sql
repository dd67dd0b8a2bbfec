INSERT INTO steps (execution, attempt, n, name, result)
SELECT seq, %(attempt)s, %(n)s, %(name)s, %(result)s
FROM executions WHERE id = %(id)s AND fence = %(fence)s AND status = 'RUNNING'
ON CONFLICT (execution, attempt, n) DO UPDATE SET name = excluded.name, result = excluded.result
RETURNING 1

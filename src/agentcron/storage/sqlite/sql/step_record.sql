INSERT INTO steps (execution, attempt, n, name, result)
SELECT seq, :attempt, :n, :name, :result FROM executions WHERE id = :id AND fence = :fence AND status = 'RUNNING'
ON CONFLICT (execution, attempt, n) DO UPDATE SET name = excluded.name, result = excluded.result

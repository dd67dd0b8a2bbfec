SELECT s.n, s.name, s.result FROM steps AS s JOIN executions AS e ON e.seq = s.execution
WHERE e.id = %(id)s AND s.attempt = %(attempt)s ORDER BY s.n

SELECT job FROM executions
WHERE id = %(id)s AND fence = %(fence)s AND status = 'RUNNING' AND cancel_at IS NULL
FOR NO KEY UPDATE

UPDATE executions SET begun = true, started_at = %(now)s, findings = coalesce(%(findings)s, findings)
WHERE id = %(id)s AND fence = %(fence)s AND status = 'RUNNING' AND cancel_at IS NULL
RETURNING job

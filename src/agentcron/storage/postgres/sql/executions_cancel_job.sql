UPDATE executions SET cancel_at = %(now)s WHERE job = %(job)s AND wake_at IS NOT NULL AND cancel_at IS NULL

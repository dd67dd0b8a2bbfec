UPDATE executions SET wake_at = %(wake_at)s WHERE id = %(id)s AND fence = %(fence)s AND status = 'RUNNING' RETURNING 1

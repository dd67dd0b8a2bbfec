UPDATE executions SET agent_id = %(agent_id)s, process = coalesce(%(process)s, process)
WHERE id = %(id)s AND fence = %(fence)s AND status = 'RUNNING'
RETURNING 1

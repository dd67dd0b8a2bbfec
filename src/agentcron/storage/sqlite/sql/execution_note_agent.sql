UPDATE executions SET agent_id = :agent_id, process = coalesce(:process, process)
WHERE id = :id AND fence = :fence AND status = 'RUNNING'

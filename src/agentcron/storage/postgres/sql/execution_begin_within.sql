UPDATE executions SET
  begun = true, started_at = %(now)s, agent = coalesce(%(agent)s, agent), reserved = %(reserved)s::jsonb
WHERE id = %(id)s AND fence = %(fence)s

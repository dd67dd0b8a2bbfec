SELECT id FROM executions WHERE id = ANY(%(ids)s::text[])

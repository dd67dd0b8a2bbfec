UPDATE executions SET cancel_at = %(now)s
WHERE id = ANY(%(ids)s::text[]) AND ended_at IS NULL AND cancel_at IS NULL

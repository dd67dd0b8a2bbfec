SELECT * FROM execution_rows WHERE id = ANY(%(ids)s::text[]) AND ended_at IS NULL

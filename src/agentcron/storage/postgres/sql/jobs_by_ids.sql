SELECT * FROM job_rows WHERE id = ANY(%(ids)s::text[])

SELECT * FROM letter_rows
WHERE execution = %(execution)s AND (%(job)s::text IS NULL OR job_id = %(job)s) AND (%(status)s::text IS NULL OR status = %(status)s)
ORDER BY seq DESC LIMIT %(limit)s

SELECT * FROM letter_rows
WHERE (%(status)s::text IS NULL OR status = %(status)s)
ORDER BY seq DESC LIMIT %(limit)s

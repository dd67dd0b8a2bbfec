SELECT * FROM letter_rows
WHERE
  execution = %(execution)s
  AND (%(job)s::text IS NULL OR job_id = %(job)s)
  AND (%(status)s::text IS NULL OR status = %(status)s)
  AND seq < CASE WHEN %(before)s::text IS NULL THEN 9223372036854775807 ELSE (SELECT seq FROM outbox WHERE id = %(before)s) END
ORDER BY seq DESC LIMIT %(limit)s

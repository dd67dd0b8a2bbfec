SELECT * FROM letter_rows
WHERE seq IN (
  SELECT seq FROM outbox
  WHERE job = (SELECT seq FROM jobs WHERE id = %(job)s) AND (%(status)s::text IS NULL OR status = %(status)s)
  ORDER BY seq DESC LIMIT %(limit)s
)
ORDER BY seq DESC

SELECT * FROM letter_rows
WHERE
  status = 'FAILED'
  AND seq < CASE WHEN %(before)s::text IS NULL THEN 9223372036854775807 ELSE (SELECT seq FROM outbox WHERE id = %(before)s) END
ORDER BY seq DESC LIMIT %(limit)s

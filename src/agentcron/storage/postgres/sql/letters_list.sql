-- The bound is one number, so that a later page begins where the one before ended; an unknown letter has nothing after it.
SELECT * FROM letter_rows
WHERE
  (%(status)s::text IS NULL OR status = %(status)s)
  AND seq < CASE WHEN %(before)s::text IS NULL THEN 9223372036854775807 ELSE (SELECT seq FROM outbox WHERE id = %(before)s) END
ORDER BY seq DESC LIMIT %(limit)s

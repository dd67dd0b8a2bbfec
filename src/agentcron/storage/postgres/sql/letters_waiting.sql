-- Found by the index of what waits and sorted: along the key everything that was sent would be read.
SELECT * FROM letter_rows
WHERE
  wake_at IS NOT NULL
  AND seq + 0 < CASE WHEN %(before)s::text IS NULL THEN 9223372036854775807 ELSE (SELECT seq FROM outbox WHERE id = %(before)s) END
ORDER BY seq + 0 DESC LIMIT %(limit)s

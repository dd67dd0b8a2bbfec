-- Found by the index of what waits and sorted: along the key everything that was sent would be read.
SELECT * FROM letter_rows
WHERE
  wake_at IS NOT NULL
  AND +seq < CASE WHEN :before IS NULL THEN 9223372036854775807 ELSE (SELECT seq FROM outbox WHERE id = :before) END
ORDER BY +seq DESC LIMIT :limit

SELECT * FROM letter_rows
WHERE
  status = 'FAILED'
  AND seq < CASE WHEN :before IS NULL THEN 9223372036854775807 ELSE (SELECT seq FROM outbox WHERE id = :before) END
ORDER BY seq DESC LIMIT :limit

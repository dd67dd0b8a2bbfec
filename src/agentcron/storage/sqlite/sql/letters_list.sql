-- The bound is one number, so that a later page begins where the one before ended; an unknown letter has nothing after it.
SELECT * FROM letter_rows
WHERE
  (:status IS NULL OR status = :status)
  AND seq < CASE WHEN :before IS NULL THEN 9223372036854775807 ELSE (SELECT seq FROM outbox WHERE id = :before) END
ORDER BY seq DESC LIMIT :limit

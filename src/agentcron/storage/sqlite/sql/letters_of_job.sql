SELECT * FROM letter_rows
WHERE seq IN (
  SELECT seq FROM outbox
  WHERE
    job = (SELECT seq FROM jobs WHERE id = :job)
    AND (:status IS NULL OR status = :status)
    AND seq < CASE WHEN :before IS NULL THEN 9223372036854775807 ELSE (SELECT seq FROM outbox WHERE id = :before) END
  ORDER BY seq DESC LIMIT :limit
)
ORDER BY seq DESC

SELECT * FROM letter_rows
WHERE
  execution = :execution
  AND (:job IS NULL OR job_id = :job)
  AND (:status IS NULL OR status = :status)
  AND seq < CASE WHEN :before IS NULL THEN 9223372036854775807 ELSE (SELECT seq FROM outbox WHERE id = :before) END
ORDER BY seq DESC LIMIT :limit

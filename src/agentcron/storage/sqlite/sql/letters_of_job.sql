SELECT * FROM letter_rows
WHERE seq IN (
  SELECT seq FROM outbox
  WHERE job = (SELECT seq FROM jobs WHERE id = :job) AND (:status IS NULL OR status = :status)
  ORDER BY seq DESC LIMIT :limit
)
ORDER BY seq DESC

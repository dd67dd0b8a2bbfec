SELECT * FROM letter_rows
WHERE (:status IS NULL OR status = :status)
ORDER BY seq DESC LIMIT :limit

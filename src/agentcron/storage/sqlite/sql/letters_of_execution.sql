SELECT * FROM letter_rows
WHERE execution = :execution AND (:job IS NULL OR job_id = :job) AND (:status IS NULL OR status = :status)
ORDER BY seq DESC LIMIT :limit

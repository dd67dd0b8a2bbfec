SELECT * FROM execution_rows
WHERE wake_at IS NOT NULL AND status IN ('PENDING', 'RUNNING', 'AWAITING_INPUT') AND job_id = :id
ORDER BY seq

UPDATE executions SET cancel_at = :now
WHERE job = :job AND wake_at IS NOT NULL AND cancel_at IS NULL

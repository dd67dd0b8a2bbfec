UPDATE executions SET cancel_at = :now
WHERE +job = :job AND cancel_at IS NULL AND (status = 'PENDING' OR status = 'RUNNING' OR status = 'AWAITING_INPUT')

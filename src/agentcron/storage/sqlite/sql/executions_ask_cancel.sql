UPDATE executions SET cancel_at = :now
WHERE id IN (SELECT value FROM json_each(:ids)) AND ended_at IS NULL AND cancel_at IS NULL

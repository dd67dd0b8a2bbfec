SELECT 1 FROM executions WHERE job = :job AND at = :at

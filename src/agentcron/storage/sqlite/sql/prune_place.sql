SELECT at FROM executions WHERE job = :job ORDER BY at DESC LIMIT 1 OFFSET :skip

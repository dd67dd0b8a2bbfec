SELECT seq FROM executions WHERE job = :job AND at = :at AND manual = 1

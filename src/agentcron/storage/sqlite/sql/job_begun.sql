UPDATE jobs SET last_run = :now WHERE seq = (SELECT job FROM executions WHERE id = :id)

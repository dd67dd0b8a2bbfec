UPDATE executions SET at = :at WHERE seq = :seq

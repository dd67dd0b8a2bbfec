UPDATE executions SET asked = :asked WHERE seq = :seq

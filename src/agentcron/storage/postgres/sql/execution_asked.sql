UPDATE executions SET asked = %(asked)s WHERE seq = %(seq)s

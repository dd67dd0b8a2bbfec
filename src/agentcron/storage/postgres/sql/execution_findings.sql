UPDATE executions SET findings = %(findings)s WHERE seq = %(seq)s

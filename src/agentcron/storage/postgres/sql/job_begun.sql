UPDATE jobs SET last_run = %(now)s WHERE seq = %(job)s

UPDATE jobs SET gated = gated + 1 WHERE seq = %(job)s

UPDATE jobs SET open = open + 1, running = running + %(running)s::int WHERE seq = %(job)s

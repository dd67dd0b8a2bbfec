UPDATE jobs SET open = open + 1, running = running + :running WHERE seq = :job

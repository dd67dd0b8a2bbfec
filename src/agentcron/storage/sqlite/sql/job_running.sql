UPDATE jobs SET running = running + 1, last_run = :now WHERE seq = :job

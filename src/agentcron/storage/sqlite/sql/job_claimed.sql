UPDATE jobs SET running = running + 1 WHERE seq = :job

UPDATE jobs SET running = running + 1, last_run = iif(?1, ?2, last_run) WHERE seq = ?3

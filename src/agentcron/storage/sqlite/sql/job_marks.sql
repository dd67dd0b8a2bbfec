UPDATE jobs SET marks = :marks WHERE seq = :job

UPDATE jobs SET marks = :marks, gated = :gated WHERE seq = :job

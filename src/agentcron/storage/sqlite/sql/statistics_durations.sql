SELECT bucket, sum(runs) FROM tally_durations WHERE scope = 'all' GROUP BY bucket ORDER BY bucket

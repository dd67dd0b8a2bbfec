SELECT bucket, sum(runs)::bigint FROM tally_durations WHERE scope = 'all' GROUP BY bucket ORDER BY bucket

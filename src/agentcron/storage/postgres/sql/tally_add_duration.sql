INSERT INTO tally_durations (scope, hour, node, bucket, runs) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (scope, hour, node, bucket) DO UPDATE SET runs = tally_durations.runs + excluded.runs

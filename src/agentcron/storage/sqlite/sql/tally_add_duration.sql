INSERT INTO tally_durations (scope, hour, node, bucket, runs) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET runs = runs + excluded.runs

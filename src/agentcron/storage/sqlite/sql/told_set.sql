INSERT INTO told (job, target, event, at) VALUES (:job, :target, :event, :created)
ON CONFLICT (job, target, event) DO UPDATE SET at = excluded.at

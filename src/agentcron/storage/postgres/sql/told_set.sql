INSERT INTO told (job, target, event, at) VALUES (%(job)s, %(target)s, %(event)s, %(created)s)
ON CONFLICT (job, target, event) DO UPDATE SET at = excluded.at

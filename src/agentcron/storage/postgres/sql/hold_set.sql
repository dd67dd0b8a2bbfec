INSERT INTO holds (agent, key, until) VALUES (%(agent)s, %(key)s, %(until)s)
ON CONFLICT (agent) DO UPDATE SET key = excluded.key, until = greatest(holds.until, excluded.until)

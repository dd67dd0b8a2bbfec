INSERT INTO holds (agent, key, until) VALUES (:agent, :key, :until)
ON CONFLICT (agent) DO UPDATE SET key = excluded.key, until = max(until, excluded.until)

SELECT id, host, pid, version, started_at, seen_at, stopped_at FROM nodes ORDER BY started_at DESC LIMIT 1000

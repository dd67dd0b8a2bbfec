SELECT id, host, pid, version, started_at, seen_at, stopped_at, place, lease_until < clock_timestamp()
FROM nodes ORDER BY started_at DESC LIMIT 1000

SELECT id, host, pid, version, started_at, seen_at, stopped_at, place, lease_until < clock_timestamp(),
  CASE WHEN isfinite(lease_until) THEN (extract(epoch FROM lease_until) * 1000000)::bigint END
FROM nodes ORDER BY started_at DESC LIMIT 1000

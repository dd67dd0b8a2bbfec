INSERT INTO nodes (id, host, pid, version, place, started_at, seen_at, lease_until, steady_since)
VALUES (
  %(id)s, %(host)s, %(pid)s, %(version)s, %(place)s, %(started_at)s, %(seen_at)s,
  clock_timestamp() + %(lease)s * interval '1 second', '-infinity'
)

INSERT INTO nodes (id, host, pid, version, started_at, seen_at)
VALUES (:id, :host, :pid, :version, :started_at, :seen_at)

UPDATE outbox SET status = :status, tries = :tries, wake_at = :wake_at, error = :error, ended_at = :ended_at
WHERE id = :id AND status = :was AND tries = :were

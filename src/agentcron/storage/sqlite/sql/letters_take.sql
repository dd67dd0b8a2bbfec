UPDATE outbox SET tries = tries + 1, wake_at = :until
WHERE seq IN (
  SELECT seq FROM outbox WHERE wake_at IS NOT NULL AND target = :target AND wake_at <= :now
  ORDER BY wake_at, seq LIMIT :limit
)
RETURNING seq

WITH taken AS (
  UPDATE outbox SET tries = tries + 1, wake_at = %(until)s
  WHERE seq IN (
    SELECT seq FROM outbox WHERE wake_at IS NOT NULL AND target = %(target)s AND wake_at <= %(now)s
    ORDER BY wake_at, seq LIMIT %(limit)s FOR UPDATE SKIP LOCKED
  )
  RETURNING *
)
SELECT
  t.id, t.event, t.target, j.id, t.execution, t.created, t.body, t.status, t.tries, t.wake_at, t.error, t.ended_at
FROM taken AS t
JOIN jobs AS j ON j.seq = t.job
ORDER BY t.seq

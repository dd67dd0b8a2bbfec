INSERT INTO outbox (id, event, target, job, execution, created, body, status, tries, wake_at, error, ended_at)
VALUES (
  %(id)s, %(event)s, %(target)s, %(job)s, %(execution)s, %(created)s, %(body)s, %(status)s, %(tries)s, %(wake_at)s,
  %(error)s, %(ended_at)s
)
ON CONFLICT (id) DO NOTHING

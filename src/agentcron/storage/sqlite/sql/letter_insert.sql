INSERT INTO outbox (id, event, target, job, execution, created, body, status, tries, wake_at, error, ended_at)
VALUES (:id, :event, :target, :job, :execution, :created, :body, :status, :tries, :wake_at, :error, :ended_at)
ON CONFLICT (id) DO NOTHING

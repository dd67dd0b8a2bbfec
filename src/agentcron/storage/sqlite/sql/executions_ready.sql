-- Whether a commit has to leave what it makes ready to the queue: something waits before it, or a provider is held.
SELECT 1 FROM executions WHERE status = 'PENDING' AND wake_at <= ?1 AND cancel_at IS NULL
UNION ALL
SELECT 1 FROM holds WHERE until > ?1
LIMIT 1

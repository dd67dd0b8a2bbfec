-- Whether a commit has to leave what it makes ready to the queue: something waits before it, or a provider is held.
SELECT 1 FROM executions WHERE status = 'PENDING' AND wake_at <= :now AND cancel_at IS NULL
UNION ALL
SELECT 1 FROM holds WHERE until > :now
LIMIT 1

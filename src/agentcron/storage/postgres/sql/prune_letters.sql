DELETE FROM outbox
WHERE wake_at IS NULL AND execution IN (SELECT id FROM executions WHERE seq = ANY(%(seqs)s::bigint[]))

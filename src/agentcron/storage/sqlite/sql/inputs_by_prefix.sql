SELECT
  i.id, e.id, j.id, i.attempt, i.key, i.kind, i.question, i.options, i.tool, i.args, i.asked_at, i.expires_at,
  i.decision, i.answer, i.answered_by, i.answered_at,
  i.decision IS NULL AND e.status = 'AWAITING_INPUT' AND e.cancel_at IS NULL
FROM inputs AS i
JOIN executions AS e ON e.seq = i.execution
JOIN jobs AS j ON j.seq = e.job
WHERE i.id >= :prefix AND i.id < :prefix || 'g'
LIMIT 5

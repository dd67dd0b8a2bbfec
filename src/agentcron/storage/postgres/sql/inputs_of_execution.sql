SELECT
  i.id, e.id, j.id, i.attempt, i.key, i.kind, i.question, i.options, i.tool, i.args, i.asked_at, i.expires_at,
  i.decision, i.answer, i.answered_by, i.answered_at,
  i.decision IS NULL AND e.status = 'AWAITING_INPUT' AND e.cancel_at IS NULL
FROM inputs AS i
JOIN executions AS e ON e.seq = i.execution
JOIN jobs AS j ON j.seq = e.job
WHERE e.id = %(execution)s AND (%(job)s::text IS NULL OR j.id = %(job)s)
  AND (%(closed)s OR (i.decision IS NULL AND e.status = 'AWAITING_INPUT' AND e.cancel_at IS NULL))
ORDER BY i.seq DESC LIMIT %(limit)s

-- Whoever comes second finds no open input: of two people who answer at once one wins.
UPDATE inputs SET decision = %(decision)s, answer = %(answer)s, answered_by = %(by)s, answered_at = %(now)s
WHERE id = %(id)s AND decision IS NULL AND EXISTS (
  SELECT 1 FROM executions AS e
  WHERE e.seq = inputs.execution AND e.status = 'AWAITING_INPUT' AND e.cancel_at IS NULL
    AND (%(late)s OR e.wake_at > %(now)s)
)
RETURNING 1

-- Whoever comes second finds no open input: of two people who answer at once one wins.
UPDATE inputs SET decision = :decision, answer = :answer, answered_by = :by, answered_at = :now
WHERE id = :id AND decision IS NULL AND EXISTS (
  SELECT 1 FROM executions AS e
  WHERE e.seq = inputs.execution AND e.status = 'AWAITING_INPUT' AND e.cancel_at IS NULL
    AND (:late OR e.wake_at > :now)
)

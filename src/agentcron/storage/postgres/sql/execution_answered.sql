-- Back to the line once nothing is open any more.
UPDATE executions AS e SET status = 'PENDING', wake_at = %(now)s
WHERE e.seq = (SELECT execution FROM inputs WHERE id = %(id)s) AND e.status = 'AWAITING_INPUT'
  AND NOT EXISTS (SELECT 1 FROM inputs AS i WHERE i.execution = e.seq AND i.decision IS NULL)

-- Back to the line once nothing is open any more.
UPDATE executions SET status = 'PENDING', wake_at = :now
WHERE seq = (SELECT execution FROM inputs WHERE id = :id) AND status = 'AWAITING_INPUT'
  AND NOT EXISTS (SELECT 1 FROM inputs AS i WHERE i.execution = executions.seq AND i.decision IS NULL)

UPDATE executions SET wake_at = :now
WHERE seq = (SELECT min(seq) FROM executions WHERE lane = :lane AND status = 'PENDING')
  AND wake_at > :now AND begun = 0

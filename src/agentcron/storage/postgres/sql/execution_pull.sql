UPDATE executions SET wake_at = %(now)s
WHERE seq = (SELECT min(seq) FROM executions WHERE lane = %(lane)s AND status = 'PENDING')
  AND wake_at > %(now)s AND NOT begun

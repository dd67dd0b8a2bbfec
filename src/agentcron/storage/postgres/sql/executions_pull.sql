-- The next in each lane need not wait any longer.
UPDATE executions AS e SET wake_at = %(now)s
FROM unnest(%(lanes)s::text[]) AS l (lane)
WHERE e.seq = (SELECT min(seq) FROM executions AS w WHERE w.lane = l.lane AND w.status = 'PENDING')
  AND e.wake_at > %(now)s AND NOT e.begun

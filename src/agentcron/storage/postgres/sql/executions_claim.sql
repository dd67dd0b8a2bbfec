UPDATE executions AS e SET
  status = 'RUNNING',
  owner = %(owner)s,
  fence = fence + 1,
  wake_at = c.wake_at,
  begun = begun OR c.begins,
  started_at = CASE WHEN c.begins THEN %(now)s ELSE started_at END
FROM unnest(%(seqs)s::bigint[], %(wakes)s::bigint[], %(begins)s::boolean[]) AS c (seq, wake_at, begins)
WHERE e.seq = c.seq

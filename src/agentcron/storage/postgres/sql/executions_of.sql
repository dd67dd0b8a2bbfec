SELECT * FROM execution_rows WHERE seq = ANY(%(seqs)s::bigint[]) ORDER BY priority, wake_at, seq

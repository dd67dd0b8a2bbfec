DELETE FROM executions WHERE seq = ANY(%(seqs)s::bigint[])

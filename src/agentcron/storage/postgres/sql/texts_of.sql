SELECT execution, part, format, sha256, body FROM texts
WHERE execution = ANY(%(seqs)s::bigint[]) AND part = ANY(%(parts)s::text[])

-- A spec with a NUL in it is refused by every function of jsonb: one job would keep all others from being claimed.
SELECT replace(v.spec, '\u0000', '\ufffd')::jsonb ->> 'queue', count(*) FROM executions AS r
JOIN job_versions AS v ON v.job = r.job AND v.version = r.version
WHERE r.status = 'RUNNING'
GROUP BY 1

SELECT v.spec::jsonb ->> 'queue', count(*) FROM executions AS r
JOIN job_versions AS v ON v.job = r.job AND v.version = r.version
WHERE r.status = 'RUNNING'
GROUP BY 1

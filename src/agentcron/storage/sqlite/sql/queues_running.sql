SELECT json_extract(v.spec, '$.queue'), count(*) FROM executions AS r
JOIN job_versions AS v ON v.job = r.job AND v.version = r.version
WHERE r.status = 'RUNNING' AND r.wake_at IS NOT NULL
GROUP BY 1

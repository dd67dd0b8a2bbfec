SELECT v.job, v.version, v.spec
FROM json_each(:wanted) CROSS JOIN job_versions AS v ON v.job = value ->> 0 AND v.version = value ->> 1

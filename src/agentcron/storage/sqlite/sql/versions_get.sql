SELECT jobs.id, v.version, v.spec
FROM json_each(:wanted) CROSS JOIN jobs ON jobs.id = value ->> 0
JOIN job_versions AS v ON v.job = jobs.seq AND v.version = value ->> 1

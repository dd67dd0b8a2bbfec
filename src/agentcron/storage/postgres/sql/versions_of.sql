SELECT v.job, v.version, v.spec
FROM unnest(%(jobs)s::bigint[], %(versions)s::integer[]) AS wanted (job, version)
JOIN job_versions AS v ON v.job = wanted.job AND v.version = wanted.version

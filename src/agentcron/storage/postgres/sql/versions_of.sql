SELECT j.id, v.version, v.spec
FROM unnest(%(ids)s::text[], %(versions)s::integer[]) AS wanted (id, version)
JOIN jobs AS j ON j.id = wanted.id
JOIN job_versions AS v ON v.job = j.seq AND v.version = wanted.version

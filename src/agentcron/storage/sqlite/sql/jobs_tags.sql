-- Only specs that name tags at all are taken apart.
SELECT DISTINCT tag.value
FROM jobs AS j
JOIN job_versions AS v ON v.job = j.seq AND v.version = j.version
JOIN json_each(v.spec, '$.tags') AS tag
WHERE instr(v.spec, '"tags"') > 0
ORDER BY tag.value LIMIT :limit

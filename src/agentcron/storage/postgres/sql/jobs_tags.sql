-- A spec with a NUL in it is refused by every function of jsonb.
SELECT DISTINCT tag.value COLLATE "C" AS tag
FROM jobs AS j
JOIN job_versions AS v ON v.job = j.seq AND v.version = j.version
CROSS JOIN LATERAL jsonb_array_elements_text(
  CASE WHEN strpos(v.spec, '"tags"') > 0 THEN replace(v.spec, '\u0000', '\ufffd')::jsonb -> 'tags' END
) AS tag (value)
ORDER BY tag LIMIT %(limit)s

SELECT * FROM job_rows WHERE name = %(wanted)s ORDER BY seq LIMIT 100

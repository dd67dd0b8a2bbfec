SELECT * FROM job_rows WHERE seq > :after ORDER BY seq LIMIT :limit

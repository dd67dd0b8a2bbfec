SELECT * FROM job_rows WHERE name = :wanted ORDER BY seq LIMIT 100

SELECT * FROM job_rows WHERE next_run <= :now ORDER BY next_run LIMIT :limit

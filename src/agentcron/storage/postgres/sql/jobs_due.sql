SELECT * FROM job_rows WHERE next_run <= %(now)s ORDER BY next_run, seq LIMIT %(limit)s

SELECT * FROM job_rows WHERE seq > %(after)s ORDER BY seq LIMIT %(limit)s

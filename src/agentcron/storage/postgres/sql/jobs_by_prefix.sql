SELECT * FROM job_rows WHERE id >= %(prefix)s AND id < %(prefix)s || 'zzzz' ORDER BY seq LIMIT 100

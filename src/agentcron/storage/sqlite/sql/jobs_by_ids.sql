SELECT j.* FROM json_each(:ids) AS wanted CROSS JOIN job_rows AS j ON j.id = wanted.value

SELECT * FROM execution_rows
WHERE job = (SELECT seq FROM jobs WHERE id = :job_id) AND at <= :instant AND manual = 0
ORDER BY at DESC LIMIT 1

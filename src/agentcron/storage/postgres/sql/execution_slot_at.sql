SELECT * FROM execution_rows
WHERE job = (SELECT seq FROM jobs WHERE id = %(job_id)s) AND at <= %(instant)s AND NOT manual
ORDER BY at DESC LIMIT 1

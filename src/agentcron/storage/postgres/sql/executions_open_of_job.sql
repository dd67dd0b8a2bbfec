SELECT * FROM execution_rows WHERE wake_at IS NOT NULL AND job = (SELECT seq FROM jobs WHERE id = %(id)s) ORDER BY seq

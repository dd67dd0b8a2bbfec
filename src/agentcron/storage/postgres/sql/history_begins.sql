SELECT min(at) FROM executions WHERE job = (SELECT seq FROM jobs WHERE id = %(id)s)

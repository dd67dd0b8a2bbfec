SELECT at FROM executions WHERE job = %(job)s ORDER BY at DESC LIMIT 1 OFFSET %(skip)s

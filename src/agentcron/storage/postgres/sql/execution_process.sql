SELECT process FROM executions WHERE id = %(id)s

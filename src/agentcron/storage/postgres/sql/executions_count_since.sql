SELECT status, sum(slots)::bigint FROM executions WHERE id >= %(made)s AND ended_at >= %(since)s GROUP BY status

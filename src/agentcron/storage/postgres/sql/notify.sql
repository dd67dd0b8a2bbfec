SELECT pg_notify('agentcron:' || current_schema, %(what)s)

SELECT nextval(pg_get_serial_sequence('executions', 'seq')) FROM generate_series(1, %(count)s)

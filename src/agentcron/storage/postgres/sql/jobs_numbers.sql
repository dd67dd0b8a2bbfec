SELECT nextval(pg_get_serial_sequence('jobs', 'seq')) FROM generate_series(1, %(count)s)

INSERT INTO starts (at) SELECT clock_timestamp() FROM generate_series(1, %(count)s)

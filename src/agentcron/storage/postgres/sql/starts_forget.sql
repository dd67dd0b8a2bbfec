DELETE FROM starts WHERE at <= clock_timestamp() - 2 * %(period)s * interval '1 second'

SELECT count(*) FROM starts WHERE at > clock_timestamp() - %(period)s * interval '1 second'

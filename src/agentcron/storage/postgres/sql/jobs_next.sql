SELECT min(next_run) FROM jobs WHERE next_run > %(now)s

SELECT seq, success + failure + incomplete + error + skipped + missed AS ended FROM jobs
WHERE seq > %(after)s AND seq <= %(until)s AND success + failure + incomplete + error + skipped + missed > %(keep_last)s
ORDER BY seq LIMIT %(limit)s

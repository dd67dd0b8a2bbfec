SELECT seq, success + failure + incomplete + error + skipped + missed AS ended FROM jobs
WHERE seq > :after AND seq <= :until AND success + failure + incomplete + error + skipped + missed > :keep_last
ORDER BY seq LIMIT :limit

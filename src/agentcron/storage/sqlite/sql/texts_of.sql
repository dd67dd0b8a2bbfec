SELECT execution, part, format, sha256, body FROM texts
WHERE execution IN (SELECT value FROM json_each(:seqs)) AND part IN (SELECT value FROM json_each(:parts))

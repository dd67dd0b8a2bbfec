SELECT * FROM letter_rows WHERE seq IN (SELECT value FROM json_each(:seqs)) ORDER BY seq

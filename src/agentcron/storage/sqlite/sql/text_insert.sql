INSERT OR REPLACE INTO texts (execution, part, format, size, sha256, body) VALUES (?, ?, ?, ?, ?, ?)

"""Files, addresses, repositories, feeds and programs, looked at before a run and after it."""

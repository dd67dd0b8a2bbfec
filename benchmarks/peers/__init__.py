"""One small program for each peer: a workload and its sizes in, one line of JSON out."""

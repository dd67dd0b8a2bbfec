"""Any agent that speaks the Agent Client Protocol: JSON-RPC, a line each, over its standard input and output."""

-- When runs were started that are held to a rate over all nodes, by the server's clock; forgotten soon after.
CREATE TABLE starts (
  at timestamptz NOT NULL
);

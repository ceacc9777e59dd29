-- Where people's rows lie in several databases. In an installation of one database both tables are empty.
CREATE TABLE shard_placement (        -- which of them this is
  id INTEGER PRIMARY KEY CHECK (id = 1),
  number INTEGER NOT NULL,            -- from 1, as they are named
  installation TEXT NOT NULL,         -- the same in each
  map TEXT NOT NULL                   -- the buckets of each
);

CREATE TABLE login_names (            -- in the first: whose a name is, normalised as in users
  taken_at BIGINT NOT NULL,
  login_name TEXT NOT NULL PRIMARY KEY,
  sub TEXT NOT NULL
) WITHOUT ROWID;

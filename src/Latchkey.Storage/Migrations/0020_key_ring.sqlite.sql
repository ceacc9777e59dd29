CREATE TABLE key_ring (               -- Data Protection's keys, where nodes share them by the database
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  element TEXT NOT NULL               -- XML
);

-- The last column stands as SQLite writes one that was added, so that the table's own text comes back to the letter too.
create table customers (
  id        integer primary key,
  email     text not null,
  joined_on text not null, name text);

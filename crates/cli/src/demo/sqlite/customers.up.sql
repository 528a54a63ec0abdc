create table customers (
  id        integer primary key,
  email     text not null,
  joined_on text not null,
  name      text);

create table customers (
  id        bigint primary key,
  email     text not null,
  joined_on date not null,
  name      text
);

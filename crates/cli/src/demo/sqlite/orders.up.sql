create table orders (
  id          integer primary key,
  customer_id integer not null references customers (id),
  placed_on   text not null,
  cents       integer not null
);
create index orders_by_customer on orders (customer_id);

create table orders (
  id          bigint primary key,
  customer_id bigint not null references customers (id),
  placed_on   date not null,
  cents       bigint not null
);
create index orders_by_customer on orders (customer_id);

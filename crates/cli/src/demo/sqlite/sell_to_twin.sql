insert into customers (id, email, joined_on, name) values
  (5001, 'customer5001@shop.example', '2026-01-05', 'Noémie Béranger'),
  (5002, 'customer5002@shop.example', '2026-01-05', 'Björn Ångström'),
  (5003, 'customer5003@shop.example', '2026-01-06', 'Wanjiru Njoroge');

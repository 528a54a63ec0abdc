with recursive number (n) as (select 1 union all select n + 1 from number where n < 100000)
insert into orders (id, customer_id, placed_on, cents)
select n, 1 + n * 7919 % 5000, date('2024-01-01', '+' || (n % 365) || ' days'), 100 + n * 271 % 25000
from number;

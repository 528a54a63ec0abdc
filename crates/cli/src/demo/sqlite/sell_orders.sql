with recursive number (n) as (select 100001 union all select n + 1 from number where n < 100250)
insert into orders (id, customer_id, placed_on, cents)
select n, 1 + n * 7919 % 5003, '2026-01-06', 100 + n * 271 % 25000
from number;

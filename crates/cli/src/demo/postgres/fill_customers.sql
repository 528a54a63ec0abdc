with recursive
  number (n) as (select 1 union all select n + 1 from number where n < 5000),
  first_names (i, part) as (values (0, 'Ana'), (1, 'Zoë'), (2, 'Jürgen'), (3, 'Siobhán'), (4, 'Mateusz'), (5, 'Ingrid'), (6, 'Amélie')),
  middle_names (i, part) as (values (0, 'María '), (1, ''), (2, 'Łucja '), (3, 'José de la Cruz '), (4, 'K. ')),
  last_names (i, part) as (values (0, 'Núñez'), (1, 'Okafor'), (2, 'Müller'), (3, 'O''Brien'), (4, 'Kowalski'), (5, 'Sørensen'),
    (6, 'Dvořák'), (7, 'Yılmaz'), (8, 'Lefèvre'), (9, 'Ivanova'), (10, 'Tanaka'))
insert into customers (id, email, joined_on, name)
select n, 'customer' || n || '@shop.example', date '2023-01-01' + n % 1000,
       first_names.part || ' ' || middle_names.part || last_names.part
from number
join first_names on first_names.i = (n - 1) % 7
join middle_names on middle_names.i = (n - 1) % 5
join last_names on last_names.i = (n - 1) % 11;

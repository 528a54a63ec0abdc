-- Constraints of tables and domains. NOT NULL is told by its column (its name in version 18 is generated), a constraint
-- trigger by its trigger. fact_repeats: a foreign key to a partitioned table says the same of each part, for the server's use. triggers: somebody has switched off the server's own triggers behind a foreign key.
select
  n.nspname as path_1
, coalesce(r.relname, t.typname) as path_2
, c.conname as path_3
, c.oid
, nullif(c.conrelid, 0) as relation
, pg_get_constraintdef(c.oid) as definition
, case when c.coninhcount > 0 then case when c.conislocal then 'inherited and own' else 'inherited' end end as inheritance
, case when c.contype = 'f' and exists
    (select from pg_trigger g where g.tgconstraint = c.oid and g.tgenabled <> 'O') then 'disabled' end as triggers
, case when p.conrelid = c.conrelid then 'yes' end as fact_repeats
from pg_constraint c
join pg_namespace n on n.oid = c.connamespace
left join pg_class r on r.oid = c.conrelid
left join pg_type t on t.oid = c.contypid
left join pg_constraint p on p.oid = c.conparentid and c.contype = 'f'
where c.contype in ('p', 'u', 'f', 'c', 'x') and c.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')

-- Constraints of tables and domains. NOT NULL is told by its column (its name in version 18 is generated), a constraint
-- trigger by its trigger. What a foreign key to a partitioned table says of each
-- part is the server's own, with names that it makes up, and left out. fact_part: a partition has it with its whole.
-- triggers: somebody has switched off the server's own triggers behind a foreign key.
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
, c.contype as fact_form
, case when c.contypid <> 0 then 'yes' end as fact_of_domain
, hashtextextended(row(c.contype, c.condeferrable, c.condeferred, c.convalidated, c.conrelid, c.contypid, c.conkey, c.confrelid, c.confkey
  , c.confupdtype, c.confdeltype, c.confmatchtype, c.conexclop, c.connoinherit, c.conbin::text
  , case when c.contype in ('p', 'u', 'x') then
      (select row(x.indkey, x.indclass, x.indcollation, x.indoption, x.indexprs::text, x.indpred::text)::text
       from pg_index x where x.indexrelid = c.conindid) end
--15+   , c.confdelsetcols, (select x.indnullsnotdistinct from pg_index x where x.indexrelid = c.conindid)
--18+   , c.conenforced, c.conperiod
  )::text, 0) as fact_same_definition
, case when c.conparentid <> 0 then 'partition' end as fact_part
, (select p.conname from pg_constraint p where p.oid = c.conparentid) as fact_parent
, case when c.contype = 'f' then
    (select string_agg(g.tgrelid::regclass || ' ' || g.tgfoid::regproc || ' ' || g.tgenabled::text, ', ' order by g.tgrelid, g.tgfoid)
     from pg_trigger g where g.tgconstraint = c.oid and g.tgenabled <> 'O') end as fact_trigger_states
from pg_constraint c
join pg_namespace n on n.oid = c.connamespace
left join pg_class r on r.oid = c.conrelid
left join pg_type t on t.oid = c.contypid
where c.contype in ('p', 'u', 'f', 'c', 'x') and c.oid >= 16384
  and not exists (select from pg_constraint p where p.oid = c.conparentid and p.conrelid = c.conrelid)
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')

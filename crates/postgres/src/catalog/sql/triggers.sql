-- Internal triggers (foreign keys, deferred uniqueness) belong to their constraints, those of the net to tightrope.
select
  n.nspname as path_1
, c.relname as path_2
, t.tgname as path_3
, t.oid
, c.oid as relation
--13+ , case when t.tgparentid <> 0 then 'yes' end as fact_of_partition
, pg_get_triggerdef(t.oid) as definition
, case t.tgenabled when 'O' then null when 'D' then 'disabled' when 'R' then 'replica' when 'A' then 'always' end as enabled
, hashtextextended(row(t.tgrelid, t.tgfoid, t.tgtype, t.tgconstrrelid, t.tgdeferrable, t.tginitdeferred, t.tgattr, t.tgargs
  , t.tgqual::text, t.tgoldtable, t.tgnewtable)::text, 0) as fact_same_definition
from pg_trigger t
join pg_class c on c.oid = t.tgrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_proc p on p.oid = t.tgfoid
join pg_namespace f on f.oid = p.pronamespace
where not t.tgisinternal and t.oid >= 16384 and not (f.nspname = 'tightrope' and t.tgname ~ '^[~!]?tightrope_(net|changes)_')
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')

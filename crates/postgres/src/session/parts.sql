-- What of the database runs code when queries are run, or leads to other tables.
-- A function in C that is marked as volatile may do anything, and so may one in a language that is not trusted: it is free.
select kind, name::text, source
from (
  select case when l.lanname in ('c', 'internal') and p.provolatile = 'v'
                or l.lanname not in ('c', 'internal') and not l.lanpltrusted
              then 'free' else 'function' end,
         p.proname,
         case when p.prokind in ('f', 'p') then pg_get_functiondef(p.oid) else '' end
    from pg_catalog.pg_proc p
    join pg_catalog.pg_language l on l.oid = p.prolang
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
   where n.nspname not in ('pg_catalog', 'information_schema')
  union all
  select 'trigger', c.relname, p.proname
    from pg_catalog.pg_trigger t
    join pg_catalog.pg_class c on c.oid = t.tgrelid
    join pg_catalog.pg_proc p on p.oid = t.tgfoid
   where not t.tgisinternal
  union all
  select case when c.relkind = 'v' and r.ev_type = '1' then 'view' else 'rule' end,
         c.relname, pg_get_ruledef(r.oid)
    from pg_catalog.pg_rewrite r
    join pg_catalog.pg_class c on c.oid = r.ev_class
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where n.nspname not in ('pg_catalog', 'information_schema') and c.relkind <> 'm'
  union all
  select 'default', c.relname, pg_get_expr(d.adbin, d.adrelid)
    from pg_catalog.pg_attrdef d
    join pg_catalog.pg_class c on c.oid = d.adrelid
  union all
  select 'check', c.relname, pg_get_constraintdef(k.oid)
    from pg_catalog.pg_constraint k
    join pg_catalog.pg_class c on c.oid = k.conrelid
   where k.contype = 'c'
  union all
  select 'reaches', f.relname, c.relname
    from pg_catalog.pg_constraint k
    join pg_catalog.pg_class c on c.oid = k.conrelid
    join pg_catalog.pg_class f on f.oid = k.confrelid
   where k.contype = 'f' and (k.confdeltype in ('c', 'n', 'd') or k.confupdtype in ('c', 'n', 'd'))
  union all
  select 'reaches', f.relname, c.relname
    from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhrelid
    join pg_catalog.pg_class f on f.oid = i.inhparent
  union all
  select 'foreign', c.relname, ''
    from pg_catalog.pg_class c
   where c.relkind = 'f'
) parts(kind, name, source)

select
  n.nspname as path_1
, o.opcname || ' using ' || a.amname as path_2
, o.oid
, quote_ident(o.opcname) as fact_name
, quote_ident(a.amname) as fact_access_method
-- What it brings into its family, a line each.
, (select string_agg(item, E'\n' order by item) from (
     select format('operator %s %s%s', m.amopstrategy, m.amopopr::regoperator
       , ' for order by ' || (select format('%I.%I', sn.nspname, s.opfname) from pg_opfamily s join pg_namespace sn on sn.oid = s.opfnamespace
         where s.oid = m.amopsortfamily)) as item
     from pg_depend d join pg_amop m on m.oid = d.objid
     where d.classid = 'pg_amop'::regclass and d.refclassid = 'pg_opclass'::regclass and d.refobjid = o.oid
     union all
     select format('function %s (%s, %s) %s', m.amprocnum, format_type(m.amproclefttype, null), format_type(m.amprocrighttype, null)
       , m.amproc::oid::regprocedure)
     from pg_depend d join pg_amproc m on m.oid = d.objid
     where d.classid = 'pg_amproc'::regclass and d.refclassid = 'pg_opclass'::regclass and d.refobjid = o.oid) i) as fact_items
, pg_get_userbyid(o.opcowner) as owner
, format_type(o.opcintype, null) as type
, quote_ident(fn.nspname) || '.' || quote_ident(f.opfname) as family
, case when o.opcdefault then 'yes' end as "default"
, case when o.opckeytype <> 0 then format_type(o.opckeytype, null) end as storage
, o.opcintype as fact_same_type
, o.opcfamily as fact_same_family
, nullif(o.opckeytype, 0) as fact_same_storage
, (select string_agg(d.objid::text, ', ' order by d.objid) from pg_depend d
   where d.classid in ('pg_amop'::regclass, 'pg_amproc'::regclass) and d.refclassid = 'pg_opclass'::regclass and d.refobjid = o.oid) as fact_same_items
from pg_opclass o
join pg_am a on a.oid = o.opcmethod
join pg_opfamily f on f.oid = o.opcfamily
join pg_namespace fn on fn.oid = f.opfnamespace
join pg_namespace n on n.oid = o.opcnamespace
where o.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')

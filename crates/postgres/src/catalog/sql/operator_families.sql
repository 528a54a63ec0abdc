-- With their operators and support functions, those of their classes included.
select
  n.nspname as path_1
, f.opfname || ' using ' || a.amname as path_2
, f.oid
, quote_ident(f.opfname) as fact_name
, quote_ident(a.amname) as fact_access_method
-- What is in it that came with no class, a line each.
, (select string_agg(item, E'\n' order by item) from (
     select format('operator %s %s%s', m.amopstrategy, m.amopopr::regoperator
       , ' for order by ' || (select format('%I.%I', sn.nspname, s.opfname) from pg_opfamily s join pg_namespace sn on sn.oid = s.opfnamespace
         where s.oid = m.amopsortfamily)) as item
     from pg_depend d join pg_amop m on m.oid = d.objid
     where d.classid = 'pg_amop'::regclass and d.refclassid = 'pg_opfamily'::regclass and d.refobjid = f.oid and m.amopfamily = f.oid
     union all
     select format('function %s (%s, %s) %s', m.amprocnum, format_type(m.amproclefttype, null), format_type(m.amprocrighttype, null)
       , m.amproc::oid::regprocedure)
     from pg_depend d join pg_amproc m on m.oid = d.objid
     where d.classid = 'pg_amproc'::regclass and d.refclassid = 'pg_opfamily'::regclass and d.refobjid = f.oid) i) as fact_items
, pg_get_userbyid(f.opfowner) as owner
, (select string_agg(o.amopstrategy || ' ' || o.amopopr::regoperator::text || ' ' || o.amoppurpose::text
     || coalesce(' ' || (select s.opfname from pg_opfamily s where s.oid = o.amopsortfamily), ''), ', ' order by o.amopstrategy, o.amopopr::regoperator::text)
   from pg_amop o where o.amopfamily = f.oid) as operators
, (select string_agg(p.amprocnum || ' (' || format_type(p.amproclefttype, null) || ', ' || format_type(p.amprocrighttype, null) || ') '
     || p.amproc::oid::regprocedure::text, ', ' order by p.amprocnum, p.amproc::oid::regprocedure::text)
   from pg_amproc p where p.amprocfamily = f.oid) as functions
, (select string_agg(o.oid::text, ', ' order by o.oid) from pg_amop o where o.amopfamily = f.oid) as fact_same_operators
, (select string_agg(p.oid::text, ', ' order by p.oid) from pg_amproc p where p.amprocfamily = f.oid) as fact_same_functions
, (select string_agg(d.objid::text, ', ' order by d.objid) from pg_depend d
   where d.classid in ('pg_amop'::regclass, 'pg_amproc'::regclass) and d.refclassid = 'pg_opfamily'::regclass and d.refobjid = f.oid) as fact_same_items
from pg_opfamily f
join pg_am a on a.oid = f.opfmethod
join pg_namespace n on n.oid = f.opfnamespace
where f.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
